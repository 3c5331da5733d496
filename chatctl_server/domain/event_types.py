"""What a type of event is: its name, its class, its payload, its sentence."""

from typing import ClassVar, Literal, NamedTuple

import msgspec

from chatctl_server.domain.references import Kind

EventClass = Literal["message", "session", "state", "system"]
"""What a reader of the log can leave out: messages and sessions have tables of their own, what is
of the system concerns no listener of a conversation; all else is state."""
Role = Literal["owner", "admin", "agent", "member"]
SenderKind = Literal["user", "system", "bot", "agent", "visitor"]


class Payload(msgspec.Struct, frozen=True):
    """What an event says. ``type`` is its name in the log or, of the life of a conversation, the
    part of it behind that of the conversation's kind."""

    type: ClassVar[str]


class Lifecycle(Payload, frozen=True):
    """Of the life of a conversation: named by its kind, such as ``room.created``."""

    kind: Kind


class EventType(NamedTuple):
    """``sentence`` says it to a person: it is formatted with the values as the API gives them,
    and with what ``events.sentence`` makes of them. ``is_audited``: the server's log gets a
    line."""

    name: str
    event_class: EventClass
    payload: type[Payload]
    sentence: str
    is_audited: bool = False


def audited(event_class: EventClass, payload: type[Payload], sentence: str) -> EventType:
    return EventType(payload.type, event_class, payload, sentence, is_audited=True)


def unaudited(event_class: EventClass, payload: type[Payload], sentence: str) -> EventType:
    return EventType(payload.type, event_class, payload, sentence)
