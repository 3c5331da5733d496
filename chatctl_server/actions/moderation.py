"""Bans, mutes and kicks. What would change nothing records nothing."""

from typing import NamedTuple

from chatctl_server.actions import sessions
from chatctl_server.domain import events, text
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import conversations, room_sessions, sanctions
from chatctl_server.storage.transaction import Tx


class Set(NamedTuple):
    """The ban or mute now in force, and whether this call made it."""

    sanction: sanctions.Sanction
    changed: bool


def ban(
    tx: Tx,
    actor: events.Actor,
    room_id: str,
    user_id: str,
    reason: str | None,
    expires_in_seconds: int | None,
) -> Set:
    """For good unless ``expires_in_seconds`` is given. Ends the user's session.

    The same ban again changes nothing; another reason or end replaces it.
    """
    _check(user_id, reason)
    room = conversations.find_open_room(tx.db, room_id)
    earlier = sanctions.ban(tx.db, room.id, user_id, tx.now)
    if earlier is not None and _is_same(earlier, reason, expires_in_seconds):
        return Set(earlier, False)
    expires_at = _end(tx, expires_in_seconds)
    tx.record(events.BanSet(user_id, reason, actor.user_id, expires_at), actor, room.id)
    _end_session(tx, actor, room.id, user_id, "banned")
    return Set(sanctions.Sanction(user_id, reason, actor.user_id, tx.now, expires_at), True)


def unban(tx: Tx, actor: events.Actor, room_id: str, user_id: str) -> events.Event | None:
    text.check_name(user_id, "user_id")
    room = conversations.find_open_room(tx.db, room_id)
    if sanctions.ban(tx.db, room.id, user_id, tx.now) is None:
        return None
    return tx.record(events.BanLifted(user_id), actor, room.id)


def mute(
    tx: Tx,
    actor: events.Actor,
    room_id: str,
    user_id: str,
    reason: str | None,
    expires_in_seconds: int | None,
) -> Set:
    """As a ban, but the user stays connected and may read."""
    _check(user_id, reason)
    room = conversations.find_open_room(tx.db, room_id)
    earlier = sanctions.mute(tx.db, room.id, user_id, tx.now)
    if earlier is not None and _is_same(earlier, reason, expires_in_seconds):
        return Set(earlier, False)
    expires_at = _end(tx, expires_in_seconds)
    tx.record(events.MuteSet(user_id, reason, actor.user_id, expires_at), actor, room.id)
    return Set(sanctions.Sanction(user_id, reason, actor.user_id, tx.now, expires_at), True)


def unmute(tx: Tx, actor: events.Actor, room_id: str, user_id: str) -> events.Event | None:
    text.check_name(user_id, "user_id")
    room = conversations.find_open_room(tx.db, room_id)
    if sanctions.mute(tx.db, room.id, user_id, tx.now) is None:
        return None
    return tx.record(events.MuteLifted(user_id), actor, room.id)


def kick(tx: Tx, actor: events.Actor, room_id: str, user_id: str) -> events.Event | None:
    """A soft kick: ends the session, the user may return. None when there is no session."""
    text.check_name(user_id, "user_id")
    room = conversations.find_open_room(tx.db, room_id)
    if not tx.is_serving or room_sessions.open_of_user(tx.db, room.id, user_id) is None:
        return None
    entry = tx.record(events.UserKicked(user_id), actor, room.id)
    _end_session(tx, actor, room.id, user_id, "kicked")
    return entry


def _end_session(
    tx: Tx, actor: events.Actor, conversation: int, user_id: str, reason: events.LeaveReason
) -> None:
    session = room_sessions.open_of_user(tx.db, conversation, user_id)
    if session is not None and tx.is_serving:
        sessions.end(tx, actor, session, reason)


def _check(user_id: str, reason: str | None) -> None:
    text.check_name(user_id, "user_id")
    if reason is not None:
        text.check(reason, "reason", max_bytes=text.MAX_REASON_BYTES)


def _end(tx: Tx, expires_in_seconds: int | None) -> int | None:
    return None if expires_in_seconds is None else tx.now + expires_in_seconds * SECOND


def _is_same(
    earlier: sanctions.Sanction, reason: str | None, expires_in_seconds: int | None
) -> bool:
    if reason is not None and reason != earlier.reason:
        return False
    return expires_in_seconds is None and earlier.expires_at is None
