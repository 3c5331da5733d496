"""What is recorded for followers and listeners and changes no table: custom events, syncs."""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import callbacks, events, text
from chatctl_server.storage import conversations
from chatctl_server.storage.transaction import Tx

STATE_KINDS: tuple[events.SyncKind, ...] = ("data", "periodic")


def send_custom_event(
    tx: Tx, actor: events.Actor, room_id: str, user_id: str, event_type: str, payload: msgspec.Raw
) -> events.Event:
    text.check_name(event_type, "event_type")
    text.check_json(bytes(payload), "payload")
    room = conversations.find_open_room(tx.db, room_id)
    return tx.record(events.CustomSent(user_id, event_type, payload), actor, room.id)


def request_sync(
    tx: Tx,
    actor: events.Actor,
    kinds: Sequence[events.SyncKind] = (),
    room_id: str | None = None,
    from_time: int | None = None,
    to_time: int | None = None,
    full: bool = False,
) -> list[events.Event]:
    """Of one room or, without ``room_id``, of all. Times in microseconds.

    Without kinds: both states or, when a part of the history is asked for, both histories. The
    states of a room need it to be open. An event of its own for each set of rooms.
    """
    wanted = kinds or (
        callbacks.HISTORIES if full or from_time is not None or to_time is not None else STATE_KINDS
    )
    states = tuple(kind for kind in STATE_KINDS if kind in wanted)
    groups = [states] if states else []
    groups += [(kind,) for kind in callbacks.HISTORIES if kind in wanted]
    conversation = None
    if room_id is not None:
        find = conversations.find_open_room if states else conversations.find_room
        conversation = find(tx.db, room_id).id
    return [
        tx.record(
            events.SyncRequested(group, tx.now, from_time, to_time, full), actor, conversation
        )
        for group in groups
    ]
