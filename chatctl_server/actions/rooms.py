"""The life of a room: created, renamed, given admins, closed. A room is a conversation."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from chatctl_server import errors
from chatctl_server.actions import sessions
from chatctl_server.domain import events, text
from chatctl_server.storage import conversations, messages, room_sessions
from chatctl_server.storage.transaction import Tx

T = TypeVar("T")
SESSIONS_A_CALL = 500


class Admins(NamedTuple):
    """The admins now in force, and whether this call made them so."""

    user_ids: tuple[str, ...]
    changed: bool


def create(
    tx: Tx, actor: events.Actor, name: str, admin_user_ids: Iterable[str]
) -> events.ConversationCreated:
    """``public_id`` is the new room's id. Names need not be unique."""
    payload = events.ConversationCreated(
        kind="room",
        public_id=str(uuid.uuid4()),
        name=text.check_name(name, "room_name"),
        admins=_user_ids(admin_user_ids),
    )
    tx.record(payload, actor, conversations.newest_id(tx.db) + 1)
    return payload


def rename(tx: Tx, actor: events.Actor, room_id: str, name: str) -> events.Event | None:
    """None when that is the name already."""
    text.check_name(name, "room_name")
    room = conversations.find_open_room(tx.db, room_id)
    if room.name == name:
        return None
    return tx.record(events.ConversationRenamed("room", name), actor, room.id)


def set_admins(
    tx: Tx, actor: events.Actor, room_id: str, admin_user_ids: Iterable[str]
) -> events.Event | None:
    """Replaces the whole set; None when that is the set already."""
    admins = _user_ids(admin_user_ids)
    room = conversations.find_open_room(tx.db, room_id)
    if conversations.admins(tx.db, room.id) == admins:
        return None
    return tx.record(events.AdminsSet("room", admins), actor, room.id)


def change_admins(
    tx: Tx, actor: events.Actor, room_id: str, add: Iterable[str], remove: Iterable[str]
) -> Admins:
    """Adds to the set that the transaction finds, and takes out of it: of two callers at the same
    time neither undoes what the other did."""
    added, removed = set(_user_ids(add, "add")), set(_user_ids(remove, "remove"))
    if added & removed:
        both = min(added & removed)
        raise errors.InvalidInput(f"{both} is both to be added and removed", field="remove")
    room = conversations.find_open_room(tx.db, room_id)
    before = conversations.admins(tx.db, room.id)
    after = tuple(sorted(added.union(before) - removed))
    if after != before:
        tx.record(events.AdminsSet("room", after), actor, room.id)
    return Admins(after, after != before)


def close(tx: Tx, actor: events.Actor, room_id: str) -> events.Event:
    """The event has the statistics. ``end_sessions`` follows, as often as it finds any."""
    room = conversations.find_open_room(tx.db, room_id)
    return tx.record(
        events.ConversationClosed("room", room.current_users, room.peak_users, room.total_joins),
        actor,
        room.id,
    )


def end_sessions(tx: Tx, actor: events.Actor, room_id: str) -> bool:
    """Ends up to 500 sessions of a closed room: a big room's end holds nobody else up.

    False when none was left. On the file the next start does it.
    """
    room = conversations.find_room(tx.db, room_id)
    if not tx.is_serving or room.status == "open":
        return False
    found = room_sessions.open_of_conversation(tx.db, room.id, SESSIONS_A_CALL)
    for session in found:
        sessions.end(tx, actor, session, "closed")
    return bool(found)


def as_admin(
    tx: Tx, actor: events.Actor, room_id: str, action: Callable[..., T], *arguments: Any
) -> T:
    """Runs an action for a member of the room. Raises Forbidden when they are no admin of it
    now."""
    room = conversations.find_open_room(tx.db, room_id)
    user_id = actor.user_id or ""
    sender_status = messages.sender_status(tx.db, room.id, user_id)
    if not sender_status.is_admin or sender_status.is_banned(tx.now):
        raise errors.Forbidden(f"{user_id} is no admin of the room")
    return action(tx, actor, room_id, *arguments)


def _user_ids(user_ids: Iterable[str], field: str = "admin_user_ids") -> tuple[str, ...]:
    return tuple(sorted({text.check_name(each, field) for each in user_ids}))
