"""An event of the log as administrators see it. Times RFC 3339 UTC with microseconds."""

from typing import Annotated, Any

import msgspec

from chatctl_server.domain import event_id, events, times
from chatctl_server.storage.whereabouts import Whereabouts
from chatctl_server.views import fields
from chatctl_server.views.fields import means

_ENDINGS_OF_TIMES = ("_at", "_time", "_until")


class EventObject(msgspec.Struct, frozen=True):
    """``data`` is the event's own values, its times as RFC 3339, too. ``room_id`` is that of a
    room, ``conversation_id`` that of a conversation of any kind."""

    offset: Annotated[int, means("The event's number in the log", 9)]
    event_id: Annotated[
        str,
        means(
            "The event's UUID, which contains its offset", "019b76da-a800-7000-8000-000000000009"
        ),
    ]
    type: Annotated[str, means("What happened, such as `message.posted`", "room.renamed")]
    at: fields.At
    scope: Annotated[
        str | None, means("Whose it is: `rooms`; null for what is the server's own", "rooms")
    ]
    room_id: Annotated[str | None, means("The room that it is about; null for none", fields.ROOM)]
    conversation_id: Annotated[
        str | None,
        means("The conversation that it is about, of any kind; null for none", fields.ROOM),
    ]
    actor: Annotated[
        str | None,
        means("Who did it: a user id, `uid:…`, a named key; null for the admin key and the server"),
    ]
    credential: Annotated[
        str,
        means("How they showed it: `api-key`, `key_…`, `socket`, `room:open`, …", "api-key"),
    ]
    address: fields.Address | None
    data: Annotated[
        Any,
        means(
            "The event's own values; which ones, its type says. Times in it are RFC 3339",
            {"name": "lobby"},
        ),
    ]


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
