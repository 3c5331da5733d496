"""An event of the log as administrators see it. Times RFC 3339 UTC with microseconds."""

from typing import Any

import msgspec

from chatctl_server.domain import event_id, events, times
from chatctl_server.storage.whereabouts import Whereabouts

_ENDINGS_OF_TIMES = ("_at", "_time")


class EventObject(msgspec.Struct, frozen=True):
    """``data`` is the event's own values, its times as RFC 3339, too. ``room_id`` is that of a
    room, ``conversation_id`` that of a conversation of any kind."""

    offset: int
    event_id: str
    type: str
    at: str
    scope: str | None
    room_id: str | None
    conversation_id: str | None
    actor: str | None
    credential: str
    address: str | None
    data: Any


def event_object(entry: events.Event, where: Whereabouts) -> EventObject:
    return EventObject(
        offset=entry.offset,
        event_id=event_id.make(entry.at, entry.offset),
        type=events.type_name(entry.payload),
        at=times.rfc3339(entry.at),
        scope=where.scope,
        room_id=where.room_id,
        conversation_id=where.public_id,
        actor=entry.actor.user_id,
        credential=entry.actor.credential,
        address=entry.actor.address,
        data=_data(entry.payload),
    )


def line_of(event: EventObject) -> bytes:
    """NDJSON: a custom event's payload is its sender's JSON, line breaks and all."""
    return msgspec.json.format(msgspec.json.encode(event), indent=-1) + b"\n"


def _data(payload: events.Payload) -> Any:
    if isinstance(payload, events.CustomSent):
        return payload  # its payload stays the sender's JSON
    if isinstance(payload, events.Unknown):
        return payload.values
    values = msgspec.to_builtins(payload)
    for name, value in values.items():
        if name.endswith(_ENDINGS_OF_TIMES) and isinstance(value, int):
            values[name] = times.rfc3339(value)
    return values
