"""Room sessions: connections' stays in a room begin, are replaced, end."""

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import (
    conversations,
    messages,
    participants,
    room_sessions,
    rooms,
    server_state,
)
from chatctl_server.storage.transaction import Tx


class Joined(msgspec.Struct, frozen=True):
    """``offset`` is that of the session.joined event."""

    session_id: int
    room: RoomRef
    is_admin: bool
    is_muted: bool
    last_seq: int
    peak_users: int
    joined_at: int
    offset: int


def join(
    tx: Tx,
    actor: events.Actor,
    ref: RoomRef,
    user_id: str,
    nickname: str,
    granted_admin_at: int | None = None,
) -> Joined:
    """Begins the user's one session in an open room, ending an earlier one.

    ``granted_admin_at``: a token issued then makes the user an admin of the room, unless an
    administrator has taken the role away since.
    Raises ConversationNotFound, ConversationIsClosed or Banned.
    """
    room = conversations.get_open(tx.db, ref)
    sender = messages.sender_status(tx.db, ref, user_id)
    if sender.is_banned(tx.now):
        raise errors.Banned("You are banned from this conversation", field="user_id")
    becomes_admin = False
    if granted_admin_at is not None and not sender.is_admin:
        lost_at = participants.admin_lost_at(tx.db, ref, user_id)
        becomes_admin = lost_at is None or granted_admin_at > lost_at
    if becomes_admin:
        admins = tuple(sorted({*participants.admins(tx.db, ref), user_id}))
        tx.record(events.AdminsSet("room", admins), actor, ref)
    earlier = room_sessions.open_of_user(tx.db, ref, user_id)
    if earlier is not None:
        end(tx, actor, earlier, "replaced")
    figures = rooms.figures(tx.db, ref)
    users = figures.current_users + 1
    payload = events.SessionJoined(
        session_id=tx.take("room_session"),
        user_id=user_id,
        nickname=nickname,
        current_users=users,
        peak_users=max(figures.peak_users, users),
        total_joins=figures.total_joins + 1,
    )
    entry = tx.record(payload, actor, ref)
    return Joined(
        session_id=payload.session_id,
        room=ref,
        is_admin=sender.is_admin or becomes_admin,
        is_muted=sender.is_muted(tx.now),
        last_seq=room.last_seq,
        peak_users=payload.peak_users,
        joined_at=entry.at,
        offset=entry.offset,
    )


def leave(
    tx: Tx, actor: events.Actor, ref: RoomRef, session_id: int, reason: events.LeaveReason
) -> events.Event | None:
    """None when the session has ended already: replaced, kicked, closed."""
    session = room_sessions.one(tx.db, ref, session_id)
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
    ref = RoomRef(session.conversation, ROOMS)
    payload = events.SessionLeft(
        session_id=session.id,
        user_id=session.user_id,
        nickname=session.nickname,
        join_time=session.join_time,
        leave_time=max(session.join_time, tx.at if leave_time is None else leave_time),
        reason=reason,
        current_users=rooms.figures(tx.db, ref).current_users - 1,
    )
    return tx.record(payload, actor, ref)


def end_all(tx: Tx, reason: events.LeaveReason, limit: int) -> int:
    """Ends up to ``limit`` open sessions of any room; how many there were."""
    found = room_sessions.open_anywhere(tx.db, limit)
    for session in found:
        leave_time = _last_heartbeat(tx, session) if reason == "crashed" else None
        end(tx, events.SERVER, session, reason, leave_time)
    return len(found)


def _last_heartbeat(tx: Tx, session: room_sessions.Session) -> int:
    """The latest of the join, the user's last message and the server's last heartbeat."""
    ref = RoomRef(session.conversation, ROOMS)
    since = max(session.join_time, server_state.value(tx.db, server_state.HEARTBEAT))
    first = messages.first_seq_at(tx.db, ref, conversations.get(tx.db, ref).last_seq, since)
    last_message = messages.last_of_sender(tx.db, ref, first - 1, session.user_id)
    return max(since, last_message or 0)
