"""Who is in a conversation: sessions begin, are replaced, end."""

import msgspec

from chatctl_server import errors
from chatctl_server.domain import facts
from chatctl_server.storage import conversations, cursors, log, messages, sessions
from chatctl_server.storage.transaction import Tx


class Joined(msgspec.Struct, frozen=True):
    """``offset`` is that of the session.joined fact."""

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
    actor: facts.Actor,
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
    standing = messages.standing(tx.db, conversation, user_id)
    if standing.is_banned(tx.now):
        raise errors.Banned("你已被踢出该房间，无法再次加入", field="user_id")
    becomes_admin = False
    if granted_admin_at is not None and not standing.is_admin:
        removed_at = log.admin_removed_at(tx.db, conversation, user_id)
        becomes_admin = removed_at is None or granted_admin_at > removed_at
    if becomes_admin:
        admins = {*conversations.admins(tx.db, conversation), user_id}
        tx.record(facts.AdminsSet("room", tuple(sorted(admins))), actor, conversation)
    earlier = sessions.open_of_user(tx.db, conversation, user_id)
    if earlier is not None:
        end(tx, actor, earlier, "replaced")
    users = found.current_users + (earlier is None)
    fact = facts.SessionJoined(
        session_id=sessions.newest_id(tx.db) + 1,
        user_id=user_id,
        nickname=nickname,
        current_users=users,
        peak_users=max(found.peak_users, users),
        total_joins=found.total_joins + 1,
    )
    entry = tx.record(fact, actor, conversation)
    return Joined(
        session_id=fact.session_id,
        conversation=conversation,
        is_admin=standing.is_admin or becomes_admin,
        is_muted=standing.is_muted(tx.now),
        last_seq=found.last_seq,
        peak_users=fact.peak_users,
        joined_at=tx.now,
        offset=entry.offset,
    )


def leave(
    tx: Tx, actor: facts.Actor, session_id: int, reason: facts.LeaveReason
) -> facts.Recorded | None:
    """None when the session has ended already: replaced, kicked, closed."""
    session = sessions.one(tx.db, session_id)
    if session is None or session.leave_time is not None:
        return None
    return end(tx, actor, session, reason)


def end(
    tx: Tx,
    actor: facts.Actor,
    session: sessions.Stored,
    reason: facts.LeaveReason,
    leave_time: int | None = None,
) -> facts.Recorded:
    found = conversations.by_id(tx.db, session.conversation)
    assert found is not None
    fact = facts.SessionLeft(
        session_id=session.id,
        user_id=session.user_id,
        nickname=session.nickname,
        join_time=session.join_time,
        leave_time=max(session.join_time, tx.now if leave_time is None else leave_time),
        reason=reason,
        current_users=found.current_users - 1,
    )
    return tx.record(fact, actor, session.conversation)


def end_all(tx: Tx, reason: facts.LeaveReason, limit: int) -> int:
    """Ends up to ``limit`` open sessions of any conversation; how many there were."""
    found = sessions.open_anywhere(tx.db, limit)
    for session in found:
        leave_time = _last_sign(tx, session) if reason == "crashed" else None
        end(tx, facts.SERVER, session, reason, leave_time)
    return len(found)


def _last_sign(tx: Tx, session: sessions.Stored) -> int:
    """The latest of the join, the user's last message and the server's last sign of life."""
    alive = cursors.position(tx.db, cursors.ALIVE)
    room = conversations.by_id(tx.db, session.conversation)
    assert room is not None
    since = max(session.join_time, alive)
    first = messages.first_seq_at(tx.db, room.id, room.last_seq, since)
    last_message = messages.last_of_sender(tx.db, room.id, first - 1, session.user_id)
    return max(since, last_message or 0)
