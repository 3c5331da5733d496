"""An event of the log as administrators see it. Times RFC 3339 UTC with microseconds."""

from typing import Any

import msgspec

from chatctl_server.domain import event_id, events, times

_TIMES = ("created_at", "join_time", "leave_time", "expires_at", "due_at", "from_time", "to_time")


class EventObject(msgspec.Struct, frozen=True):
    """``data`` is the event's own values, its times as RFC 3339, too."""

    offset: int
    event_id: str
    type: str
    at: str
    room_id: str | None
    actor: str | None
    credential: str
    address: str | None
    data: Any


def event_object(entry: events.Event, room_id: str | None) -> EventObject:
    return EventObject(
        offset=entry.offset,
        event_id=event_id.make(entry.at, entry.offset),
        type=events.type_name(entry.payload),
        at=times.rfc3339(entry.at),
        room_id=room_id,
        actor=entry.actor.user_id,
        credential=entry.actor.credential,
        address=entry.actor.address,
        data=_data(entry.payload),
    )


def _data(payload: events.Payload) -> Any:
    if isinstance(payload, events.CustomSent):
        return payload  # its payload stays the sender's JSON
    values = msgspec.to_builtins(payload)
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = times.rfc3339(values[name])
    return values
