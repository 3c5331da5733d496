"""Bans, mutes and kicks. What would change nothing records nothing.

A ban or a mute is of a conversation or, by its id, of a whole scope: of every conversation in it,
also of those that are made later.
"""

from functools import partial
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.actions import sessions
from chatctl_server.domain import events, text
from chatctl_server.domain.references import ROOMS, ConversationRef, RoomRef
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import conversations, messages, room_sessions, sanctions, scopes
from chatctl_server.storage.sanctions import Kind, Where
from chatctl_server.storage.transaction import Tx


class Set(NamedTuple):
    """The ban or mute now in force, and whether this call made it."""

    sanction: sanctions.Sanction
    changed: bool


def set_(
    kind: Kind,
    tx: Tx,
    actor: events.Actor,
    where: Where,
    user_id: str,
    reason: str | None,
    expires_in_seconds: int | None,
) -> Set:
    """For good unless ``expires_in_seconds`` is given. A ban ends the user's session; who is muted
    stays connected and may read.

    The same again changes nothing; another reason or end replaces it.
    """
    text.check_name(user_id, "user_id")
    if reason is not None:
        text.check(reason, "reason", max_bytes=text.MAX_REASON_BYTES)
    check(tx, actor, where)
    earlier = sanctions.one(tx.db, kind, where, user_id, tx.now)
    if earlier is not None and _is_same(earlier, reason, expires_in_seconds):
        return Set(earlier, False)
    expires_at = None if expires_in_seconds is None else tx.now + expires_in_seconds * SECOND
    happened = events.BanSet if kind == "ban" else events.MuteSet
    _record(tx, happened(user_id, reason, actor.user_id, expires_at), actor, where)
    if kind == "ban":
        _end_sessions(tx, actor, where, user_id, "banned")
    return Set(sanctions.Sanction(user_id, reason, actor.user_id, tx.at, expires_at), True)


def lift(
    kind: Kind, tx: Tx, actor: events.Actor, where: Where, user_id: str
) -> events.Event | None:
    text.check_name(user_id, "user_id")
    check(tx, actor, where)
    if sanctions.one(tx.db, kind, where, user_id, tx.now) is None:
        return None
    happened = events.BanLifted if kind == "ban" else events.MuteLifted
    return _record(tx, happened(user_id), actor, where)


ban, mute = partial(set_, "ban"), partial(set_, "mute")
unban, unmute = partial(lift, "ban"), partial(lift, "mute")


def kick(tx: Tx, actor: events.Actor, ref: RoomRef, user_id: str) -> events.Event | None:
    """A soft kick: ends the session, the user may return. None when there is no session."""
    text.check_name(user_id, "user_id")
    check(tx, actor, ref)
    if not tx.is_serving or room_sessions.open_of_user(tx.db, ref, user_id) is None:
        return None
    entry = tx.record(events.UserKicked(user_id), actor, ref)
    _end_sessions(tx, actor, ref, user_id, "kicked")
    return entry


def check(tx: Tx, actor: events.Actor, where: Where) -> None:
    """Raises Forbidden for a member who is no admin of the open conversation now."""
    if isinstance(where, ConversationRef):
        conversations.get_open(tx.db, where)
        if actor.is_member:
            sender = messages.sender_status(tx.db, where, actor.user_id or "")
            if not sender.is_admin or sender.is_banned(tx.now):
                raise errors.Forbidden(f"{actor.user_id} is no admin here")
    elif scopes.type_of(tx.db, where) is None:
        raise errors.InvalidInput(f"There is no scope {where}", field="scope")


def _record(tx: Tx, payload: events.Payload, actor: events.Actor, where: Where) -> events.Event:
    if isinstance(where, ConversationRef):
        return tx.record(payload, actor, where)
    return tx.record(payload, actor, scope=where)


def _end_sessions(
    tx: Tx, actor: events.Actor, where: Where, user_id: str, reason: events.LeaveReason
) -> None:
    if not tx.is_serving:
        return
    if isinstance(where, RoomRef):
        found = [room_sessions.open_of_user(tx.db, where, user_id)]
    elif where == ROOMS:
        found = [*room_sessions.open_of_user_anywhere(tx.db, user_id)]
    else:
        return
    sessions.end(tx, actor, [each for each in found if each is not None], reason)


def _is_same(
    earlier: sanctions.Sanction, reason: str | None, expires_in_seconds: int | None
) -> bool:
    if reason is not None and reason != earlier.reason:
        return False
    return expires_in_seconds is None and earlier.expires_at is None
