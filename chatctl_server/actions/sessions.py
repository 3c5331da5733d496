"""Who is in a conversation: sessions begin, are replaced, end."""

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.storage import conversations, cursors, log, messages, room_sessions
from chatctl_server.storage.transaction import Tx


class Joined(msgspec.Struct, frozen=True):
    """``offset`` is that of the session.joined event."""

    session_id: int
    conversation: int
    is_admin: bool
    is_muted: bool
    last_seq: int
    peak_users: int
    joined_at: int
    offset: int


def join(
    tx: Tx,
    actor: events.Actor,
    conversation: int,
    user_id: str,
    nickname: str,
    granted_admin_at: int | None = None,
) -> Joined:
    """Begins the user's one session in an open conversation, ending an earlier one.

    ``granted_admin_at``: a token issued then makes the user an admin of the room, unless an
    administrator has taken the role away since.
    Raises RoomClosed or Banned.
    """
    found = conversations.by_id(tx.db, conversation)
    if found is None or found.status != "open":
        raise errors.RoomClosed("The room is closed", field="room_id")
    sender_status = messages.sender_status(tx.db, conversation, user_id)
    if sender_status.is_banned(tx.now):
        raise errors.Banned("你已被踢出该房间，无法再次加入", field="user_id")
    becomes_admin = False
    if granted_admin_at is not None and not sender_status.is_admin:
        removed_at = log.admin_removed_at(tx.db, conversation, user_id)
        becomes_admin = removed_at is None or granted_admin_at > removed_at
    if becomes_admin:
        admins = {*conversations.admins(tx.db, conversation), user_id}
        tx.record(events.AdminsSet("room", tuple(sorted(admins))), actor, conversation)
    earlier = room_sessions.open_of_user(tx.db, conversation, user_id)
    if earlier is not None:
        end(tx, actor, earlier, "replaced")
    users = found.current_users + (earlier is None)
    payload = events.SessionJoined(
        session_id=room_sessions.newest_id(tx.db) + 1,
        user_id=user_id,
        nickname=nickname,
        current_users=users,
        peak_users=max(found.peak_users, users),
        total_joins=found.total_joins + 1,
    )
    entry = tx.record(payload, actor, conversation)
    return Joined(
        session_id=payload.session_id,
        conversation=conversation,
        is_admin=sender_status.is_admin or becomes_admin,
        is_muted=sender_status.is_muted(tx.now),
        last_seq=found.last_seq,
        peak_users=payload.peak_users,
        joined_at=tx.now,
        offset=entry.offset,
    )


def leave(
    tx: Tx, actor: events.Actor, session_id: int, reason: events.LeaveReason
) -> events.Event | None:
    """None when the session has ended already: replaced, kicked, closed."""
    session = room_sessions.one(tx.db, session_id)
    if session is None or session.leave_time is not None:
        return None
    return end(tx, actor, session, reason)


def end(
    tx: Tx,
    actor: events.Actor,
    session: room_sessions.Session,
    reason: events.LeaveReason,
    leave_time: int | None = None,
) -> events.Event:
    found = conversations.by_id(tx.db, session.conversation)
    assert found is not None
    payload = events.SessionLeft(
        session_id=session.id,
        user_id=session.user_id,
        nickname=session.nickname,
        join_time=session.join_time,
        leave_time=max(session.join_time, tx.now if leave_time is None else leave_time),
        reason=reason,
        current_users=found.current_users - 1,
    )
    return tx.record(payload, actor, session.conversation)


def end_all(tx: Tx, reason: events.LeaveReason, limit: int) -> int:
    """Ends up to ``limit`` open sessions of any conversation; how many there were."""
    found = room_sessions.open_anywhere(tx.db, limit)
    for session in found:
        leave_time = _last_sign(tx, session) if reason == "crashed" else None
        end(tx, events.SERVER, session, reason, leave_time)
    return len(found)


def _last_sign(tx: Tx, session: room_sessions.Session) -> int:
    """The latest of the join, the user's last message and the server's last heartbeat."""
    alive = cursors.position(tx.db, cursors.HEARTBEAT)
    room = conversations.by_id(tx.db, session.conversation)
    assert room is not None
    since = max(session.join_time, alive)
    first = messages.first_seq_at(tx.db, room.id, room.last_seq, since)
    last_message = messages.last_of_sender(tx.db, room.id, first - 1, session.user_id)
    return max(since, last_message or 0)
