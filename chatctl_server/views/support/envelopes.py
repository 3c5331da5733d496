"""Envelope v1 (contract support, 2): made of an event alone, so live and replayed ones are equal,
byte for byte."""

from typing import Annotated, Any

import msgspec

from chatctl_server.domain import envelopes, event_id, events, times
from chatctl_server.domain.chat_events import MessageEdited
from chatctl_server.views.fields import means
from chatctl_server.views.support import messages
from chatctl_server.views.support.fields import CONVERSATION

VERSION = "v1"
EVENT_ID = "019b76da-a800-7000-8000-000000000007"
_encoder = msgspec.json.Encoder()


class Envelope(msgspec.Struct, frozen=True):
    version: Annotated[str, means("Always `v1`", VERSION)]
    type: Annotated[str, means("What happened", "domain.event.conversation_opened")]
    event_id: Annotated[str, means("No two have the same; a place to go on from", EVENT_ID)]
    emitted_at: Annotated[
        str, means("When it was stored, RFC 3339; never falls", "2026-01-01T00:00:00.000000Z")
    ]
    data: Annotated[
        dict[str, Any],
        means("What it is about", {"conversation_id": CONVERSATION, "site_id": "default"}),
    ]


def of_event(entry: events.Event, site_id: str) -> bytes | None:
    """None for what is no envelope."""
    kind = envelopes.kind_of(entry.payload)
    if kind is None:
        return None
    data = {"conversation_id": kind.conversation_id, **_data(entry, site_id), "site_id": site_id}
    return _encoded(f"{envelopes.PREFIX}{kind.name}", entry.at, entry.offset, data)


def _data(entry: events.Event, site_id: str) -> dict[str, Any]:
    match entry.payload:
        case events.MessagePosted(support=said) as posted if said is not None:
            return {
                "message_id": said.public_id,
                "message": messages.of_posted(posted, said, site_id),
            }
        case MessageEdited(support=said) as edited if said is not None:
            return {
                "message_id": said.public_id,
                "message": messages.of_edited(edited, said, site_id, entry.at),
            }
        case (
            events.MessageDeleted(support=said) | events.MessageErased(support=said)
        ) as deleted if said is not None:
            return {
                "message_id": said.public_id,
                "soft": isinstance(deleted, events.MessageDeleted),
            }
        case _:
            return {}


def id_of(entry: events.Event) -> str:
    return event_id.make(entry.at, entry.offset)


def welcome(at: int, offset: int, connection_id: str) -> bytes:
    """Its id is a position: that of the newest event at that time."""
    data = {
        "message": "welcome",
        "connection_id": connection_id,
        "time": times.rfc3339(at),
    }
    return _encoded(envelopes.WELCOME, at, offset, data)


def _encoded(type_name: str, at: int, offset: int, data: dict[str, Any]) -> bytes:
    made = Envelope(VERSION, type_name, event_id.make(at, offset), times.rfc3339(at), data)
    return _encoder.encode(made)
