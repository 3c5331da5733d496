"""What a delivery says, put together at the send: a query that runs in a reader thread.

A delivery keeps a reference with an upper bound, so a retry says the same again. What was erased
in between is erased there, too; a room's state is told as it is at the send.
"""

import hashlib
from collections.abc import Callable, Collection
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import history_batches as runs
from chatctl_server.domain import callbacks, events
from chatctl_server.domain.references import ROOMS, ConversationRef, RoomRef
from chatctl_server.storage import (
    deliveries,
    history_batches,
    history_pages,
    log,
    messages,
    room_sessions,
    room_states,
    rooms,
    whereabouts,
)
from chatctl_server.storage.rooms import Room, RoomName
from chatctl_server.storage.sql import Database
from chatctl_server.views.events import event_object
from chatctl_server.views.rooms import callback_samples, objects
from chatctl_server.views.rooms import callbacks as views

# What a damaged row or event leads to; an error of the database itself is nobody's body.
UNTELLABLE = (
    msgspec.MsgspecError,
    errors.ConversationNotFound,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
)


class Rendered(NamedTuple):
    """``body_hash``: empty where an earlier try said nobody knows what. ``is_changed``: it said,
    or may have said, something else. ``trouble``: why there is no body. ``is_after_creation``: the
    data of a room that has just been made. ``read_to``: the newest offset at that moment, if there
    may be texts of messages in the body."""

    delivery: deliveries.Delivery
    room_id: str | None
    room_name: str | None = None
    body: bytes = b""
    body_hash: bytes = b""
    is_changed: bool = False
    is_slow: bool = False
    is_after_creation: bool = False
    read_to: int = 0
    trouble: str | None = None


class Rendering:
    """``current_users``: how many are connected to a conversation; ``history_limit``: records of
    each history in the data of a room that is not closed: at the closing it is all of them."""

    def __init__(
        self,
        current_users: Callable[[ConversationRef], int],
        history_limit: int,
        clock: Callable[[], int],
    ) -> None:
        self._current_users = current_users
        self._history_limit = history_limit
        self._clock = clock
        self._unsure: Collection[int] = ()

    def begin(self, unsure: Collection[int]) -> None:
        """Those deliveries may have been sent by a run that was killed before it could store what
        it had said."""
        self._unsure = unsure

    def render(self, db: Database, delivery: deliveries.Delivery, *, is_slow: bool) -> Rendered:
        """Data that cannot be told is the trouble of this delivery alone."""
        if delivery.mark == deliveries.TEST:
            return _sample(delivery, is_slow=is_slow)
        room = rooms.name_of(db, delivery.conversation)
        room_id = None if room is None else room.public_id
        room_name = None if room is None else room.name
        try:
            body = msgspec.json.encode(self._content(db, delivery, room))
            body_hash = hashlib.sha256(body).digest()
            if is_unsure := delivery.id in self._unsure and _may_differ(db, delivery):
                body_hash = b""  # the tries after this one will not know either
            is_changed = is_unsure or delivery.body_hash not in (None, body_hash)
            is_after_creation = _is_after_creation(db, delivery)
        except UNTELLABLE as error:
            trouble = f"{type(error).__name__}: {error}"
            return Rendered(delivery, room_id, room_name, is_slow=is_slow, trouble=trouble)
        return Rendered(
            delivery,
            room_id,
            room_name,
            body,
            body_hash,
            is_changed=is_changed,
            is_slow=is_slow,
            is_after_creation=is_after_creation,
            read_to=log.newest_offset(db) if delivery.event in callbacks.TEXTS else 0,
        )

    def _content(
        self, db: Database, delivery: deliveries.Delivery, room: RoomName | None
    ) -> msgspec.Struct:
        if room is None and delivery.event in callbacks.EVENT_NAMES:
            raise LookupError("the room was removed")
        if room is None or delivery.event not in callbacks.EVENT_NAMES:
            entry = _event(db, delivery)
            return event_object(entry, whereabouts.of_one(db, entry))
        match delivery.event:
            case callbacks.DATA_SYNC:
                is_last = isinstance(_event(db, delivery).payload, events.ConversationClosed)
                limit = history_pages.LATEST if is_last else self._history_limit
                return self._data(db, rooms.get(db, room.ref), limit)
            case callbacks.PERIODIC_SYNC:
                return self._periodic(db, rooms.get(db, room.ref), _event(db, delivery))
            case "chat_history_batch":
                return _chat_batch(db, delivery, room)
            case "session_history_batch":
                return _session_batch(db, delivery, room)
            case _:
                return views.room_event(room.public_id, _event(db, delivery))

    def _data(self, db: Database, room: Room, limit: int) -> objects.SyncPayload:
        state = room_states.state(db, room, limit, self._clock())
        return objects.sync_payload(
            room,
            self._current_users(room.ref),
            state.banned_user_ids,
            state.messages,
            state.sessions,
            state.session_total,
        )

    def _periodic(self, db: Database, room: Room, entry: events.Event) -> views.PeriodicSync:
        size, end = views.DIGEST_RECORDS, history_pages.LATEST
        newest = room_sessions.finished_page(db, room.ref, 0, end, 0, size)
        return views.periodic_sync(
            room,
            objects.basic_info(room, self._current_users(room.ref)),
            entry.at,
            room_sessions.finished_total(db, room.ref, 0, end),
            messages.between(db, room.ref, room.last_seq - size + 1, room.last_seq),
            newest[::-1],
        )


def _sample(delivery: deliveries.Delivery, *, is_slow: bool) -> Rendered:
    """Of no room, and of no event."""
    body = msgspec.json.encode(callback_samples.sample(delivery.event, delivery.planned_at))
    body_hash = hashlib.sha256(body).digest()
    return Rendered(delivery, None, body=body, body_hash=body_hash, is_slow=is_slow)


def _is_after_creation(db: Database, delivery: deliveries.Delivery) -> bool:
    if delivery.event != callbacks.DATA_SYNC:
        return False
    return isinstance(_event(db, delivery).payload, events.ConversationCreated)


def _event(db: Database, delivery: deliveries.Delivery) -> events.Event:
    entry = log.one(db, delivery.first)
    if entry is None:
        raise LookupError(f"the log has no event {delivery.first}")
    return entry


def _chat_batch(
    db: Database, delivery: deliveries.Delivery, room: RoomName
) -> views.ChatHistoryBatch:
    rows = messages.between(db, room.ref, delivery.first, delivery.last)
    return views.chat_history_batch(
        room.public_id, rows, delivery.number or 0, _is_last(delivery), delivery.planned_at
    )


def _session_batch(
    db: Database, delivery: deliveries.Delivery, room: RoomName
) -> views.SessionHistoryBatch:
    rows = history_batches.sessions_between(
        db, room.ref, delivery.first, delivery.last, runs.window_of(delivery)
    )
    return views.session_history_batch(
        room.public_id, rows, delivery.number or 0, _is_last(delivery), delivery.planned_at
    )


def _may_differ(db: Database, delivery: deliveries.Delivery) -> bool:
    """From what was said before."""
    match delivery.event:
        case callbacks.DATA_SYNC | callbacks.PERIODIC_SYNC:
            return True
        case "chat_history_batch":
            room = RoomRef(delivery.conversation, ROOMS)
            rows = messages.between(db, room, delivery.first, delivery.last)
            return any(row.deleted_at is not None for row in rows)
        case events.MessagePosted.type:
            payload = _event(db, delivery).payload
            return isinstance(payload, events.MessagePosted) and not payload.content
        case _:
            return False


def _is_last(delivery: deliveries.Delivery) -> bool:
    return delivery.last == delivery.until
