"""The life of a conversation: created, renamed, given admins, closed."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.actions import sessions
from chatctl_server.domain import events, support_events, text
from chatctl_server.domain.references import (
    CLASS_OF,
    ROOMS,
    SCOPE_TYPES,
    ConversationRef,
    Kind,
    RoomRef,
    SupportRef,
)
from chatctl_server.storage import conversations, participants, room_sessions, rooms, scopes
from chatctl_server.storage.transaction import Tx

SESSIONS_A_CALL = 500
EVERY_SESSION = 1_000_000  # more than one server has


class CreatedRoom(NamedTuple):
    """``same_name``: how many other open rooms are called so, of the oldest hundred."""

    ref: RoomRef
    public_id: str
    same_name: int
    is_new: bool = True


class Admins(NamedTuple):
    """The admins now in force, and whether this call made them so."""

    user_ids: tuple[str, ...]
    changed: bool


def create(
    tx: Tx,
    actor: events.Actor,
    kind: Kind,
    scope: int,
    name: str,
    admin_user_ids: Iterable[str] = (),
) -> conversations.Conversation:
    """Names need not be unique. Raises InvalidInput for a kind that a scope of that type does not
    have."""
    payload = events.ConversationCreated(
        kind=kind,
        public_id=str(uuid.uuid4()),
        name=text.check_name(name, "name"),
        admins=_user_ids(admin_user_ids),
    )
    if scopes.type_of(tx.db, scope) != SCOPE_TYPES[kind]:
        raise errors.InvalidInput(f"a {kind} belongs to a {SCOPE_TYPES[kind]}", field="kind")
    ref = CLASS_OF[kind](tx.take("conversation"), scope)
    tx.record(payload, actor, ref)
    return conversations.get(tx.db, ref)


def create_room(
    tx: Tx,
    actor: events.Actor,
    name: str,
    admin_user_ids: Iterable[str] = (),
    *,
    if_missing: bool = False,
) -> CreatedRoom:
    """``if_missing``: the oldest open room of that name is taken as it is, if there is one."""
    known = rooms.open_named(tx.db, name)
    if known and if_missing:
        return CreatedRoom(*known[0], same_name=len(known) - 1, is_new=False)
    made = create(tx, actor, "room", ROOMS, name, admin_user_ids)
    return CreatedRoom(RoomRef(made.ref.id, ROOMS), made.public_id, len(known))


def rename(tx: Tx, actor: events.Actor, ref: ConversationRef, name: str) -> events.Event | None:
    """None when that is the name already."""
    text.check_name(name, "name")
    found = conversations.get_open(tx.db, ref)
    if found.name == name:
        return None
    return tx.record(events.ConversationRenamed(found.kind, name), actor, ref)


def set_admins(
    tx: Tx, actor: events.Actor, ref: RoomRef, admin_user_ids: Iterable[str]
) -> events.Event | None:
    """Replaces the whole set; None when that is the set already."""
    admins = _user_ids(admin_user_ids)
    found = conversations.get_open(tx.db, ref)
    if participants.admins(tx.db, ref) == admins:
        return None
    return tx.record(events.AdminsSet(found.kind, admins), actor, ref)


def change_admins(
    tx: Tx, actor: events.Actor, ref: RoomRef, add: Iterable[str], remove: Iterable[str]
) -> Admins:
    """Adds to the set that the transaction finds, and takes out of it: of two callers at the same
    time neither undoes what the other did."""
    added, removed = set(_user_ids(add, "add")), set(_user_ids(remove, "remove"))
    if added & removed:
        both = min(added & removed)
        raise errors.InvalidInput(f"{both} is both to be added and removed", field="remove")
    found = conversations.get_open(tx.db, ref)
    before = participants.admins(tx.db, ref)
    after = tuple(sorted(added.union(before) - removed))
    if after != before:
        tx.record(events.AdminsSet(found.kind, after), actor, ref)
    return Admins(after, after != before)


def close(tx: Tx, actor: events.Actor, ref: ConversationRef) -> events.Event:
    """The last event of it. The sessions of a room end before it, those of a large one by
    ``end_sessions``; on the file the next start ends them. Of a room the event has the figures."""
    found = conversations.get_open(tx.db, ref)
    if isinstance(ref, SupportRef):
        return tx.record(support_events.Closed(found.public_id), actor, ref)
    if not isinstance(ref, RoomRef):
        return tx.record(events.ConversationClosed(found.kind), actor, ref)
    if tx.is_serving:
        sessions.end(tx, actor, room_sessions.open_of_room(tx.db, ref, EVERY_SESSION), "closed")
    room = rooms.get(tx.db, ref)
    figures = room.current_users, room.peak_users, room.total_joins
    return tx.record(events.ConversationClosed(found.kind, *figures), actor, ref)


def end_sessions(tx: Tx, actor: events.Actor, ref: RoomRef) -> bool:
    """Of a room that is about to be closed and has more than 500 sessions, ends 500: its end holds
    nobody else up. False when it has no more than that."""
    conversations.get_open(tx.db, ref)
    found = room_sessions.open_of_room(tx.db, ref, SESSIONS_A_CALL + 1)
    if not tx.is_serving or len(found) <= SESSIONS_A_CALL:
        return False
    sessions.end(tx, actor, found[:SESSIONS_A_CALL], "closed")
    return True


def purge(tx: Tx, actor: events.Actor, ref: ConversationRef) -> events.Event:
    """From here on nobody finds it; ``purges.finish`` removes what is left of it. Raises
    ConversationNotFound, and Conflict for an open one."""
    found = conversations.get(tx.db, ref)
    if found.status == "open":
        raise errors.Conflict(f"The {ref.noun} {found.public_id} is open: it is closed first")
    return tx.record(events.ConversationPurged(found.kind, found.public_id), actor, ref)


def _user_ids(user_ids: Iterable[str], field: str = "admin_user_ids") -> tuple[str, ...]:
    return tuple(sorted({text.check_name(each, field) for each in user_ids}))
