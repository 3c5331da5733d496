"""The events of the log: what happened, with every value that the tables store.

An event is applied without clock, randomness or look-up, so replaying the log rebuilds the
tables. ``TYPES`` is the one table of their types: decoder, views, command line, documentation and
tests are made from it. Payloads only gain fields, with a default, and no new words in a
``Literal``: that is a new type, and a type of a newer version decodes to ``Unknown``. Times are
microseconds; user ids are opaque strings.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from chatctl_server.domain import account_events, chat_events, support_events
from chatctl_server.domain.event_types import (
    EventClass,
    EventType,
    Lifecycle,
    Payload,
    Role,
    SenderKind,
    audited,
    unaudited,
)
from chatctl_server.domain.references import Kind, ScopeType

__all__ = ["EventClass", "EventType", "Lifecycle", "Payload", "Role", "SenderKind"]  # and its own
MessageKind = Literal["text", "system"]
LeaveReason = Literal["left", "replaced", "kicked", "banned", "closed", "stopped", "crashed"]


class Actor(msgspec.Struct, frozen=True):
    """Who did it: ``credential`` is how they showed it, ``address`` where they came from."""

    user_id: str | None
    credential: str
    address: str | None = None

    @property
    def is_member(self) -> bool:
        """Whether its role in a conversation decides what it may do there. An operator's does
        not."""
        return self.credential.startswith("room:")

    @property
    def is_account(self) -> bool:
        """As ``is_member``, in chats: a signed-in person."""
        return self.credential == "account"


SERVER = Actor(None, "server")


class Unknown(Payload, frozen=True):
    """Of a type of a newer version: shown as it is, passed over by every follower."""

    type_name: str
    values: msgspec.Raw


class ScopeCreated(Payload, frozen=True):
    type: ClassVar[str] = "scope.created"
    scope_type: ScopeType
    number: int


class ConversationCreated(Lifecycle, frozen=True, omit_defaults=True):
    """``members``: of a chat, whose creator is its owner, in their order, with the creator.
    ``customer``: whose support conversation it is."""

    type: ClassVar[str] = "created"
    public_id: str
    name: str
    admins: tuple[str, ...]
    created_by: str = ""
    description: str = ""
    members: tuple[str, ...] = ()
    customer: str | None = None


class ConversationRenamed(Lifecycle, frozen=True):
    type: ClassVar[str] = "renamed"
    name: str


class ConversationClosed(Lifecycle, frozen=True):
    """The figures are those of a room."""

    type: ClassVar[str] = "closed"
    current_users: int = 0
    peak_users: int = 0
    total_joins: int = 0


class ConversationPurged(Lifecycle, frozen=True):
    """The last that the log says of it: it and all its events are removed. The number of the
    conversation, which the event is about, is that of no other."""

    type: ClassVar[str] = "purged"
    public_id: str


class AdminsSet(Lifecycle, frozen=True):
    type: ClassVar[str] = "admins_set"
    admins: tuple[str, ...]


class ParticipantJoined(Payload, frozen=True):
    """A stay begins: the user has a role in the conversation from here on."""

    type: ClassVar[str] = "participant.joined"
    user_id: str
    role: Role


class ParticipantLeft(Payload, frozen=True, omit_defaults=True):
    """The stay, which began at ``joined_at``, ends here; this event is still in it."""

    type: ClassVar[str] = "participant.left"
    user_id: str
    joined_at: int | None = None


class MessagePosted(Payload, frozen=True, omit_defaults=True):
    type: ClassVar[str] = "message.posted"
    message_id: int
    seq: int
    kind: MessageKind
    sender: str
    nickname: str
    content: str
    created_at: int
    is_admin: bool = False
    client_msg_id: str | None = None
    sender_kind: SenderKind = "user"
    reply_to: int | None = None
    attachments: tuple[str, ...] = ()
    mentions: tuple[int, ...] = ()
    support: support_events.SupportMessage | None = None


class MessageDeleted(Payload, frozen=True, omit_defaults=True):
    """A soft delete: hidden by every view of messages, kept in table and log. ``posted_offset``
    is that of the message.posted event, ``edited_offsets`` are those of its edits."""

    type: ClassVar[str] = "message.deleted"
    message_id: int
    seq: int
    posted_offset: int
    edited_offsets: tuple[int, ...] = ()
    support: support_events.SupportMessage | None = None


class MessageErased(Payload, frozen=True, omit_defaults=True):
    """``posted_offset`` is that of the message.posted event, ``edited_offsets`` are those of its
    edits: their texts go with it."""

    type: ClassVar[str] = "message.erased"
    message_id: int
    seq: int
    posted_offset: int
    edited_offsets: tuple[int, ...] = ()
    support: support_events.SupportMessage | None = None


class SessionJoined(Payload, frozen=True):
    type: ClassVar[str] = "session.joined"
    session_id: int
    user_id: str
    nickname: str
    current_users: int
    peak_users: int
    total_joins: int


class SessionLeft(Payload, frozen=True):
    type: ClassVar[str] = "session.left"
    session_id: int
    user_id: str
    nickname: str
    join_time: int
    leave_time: int
    reason: LeaveReason
    current_users: int


class BanSet(Payload, frozen=True):
    """Of an event without a conversation: in every conversation of its scope."""

    type: ClassVar[str] = "ban.set"
    user_id: str
    reason: str | None
    banned_by: str | None
    expires_at: int | None


class BanLifted(Payload, frozen=True):
    type: ClassVar[str] = "ban.lifted"
    user_id: str


class MuteSet(Payload, frozen=True):
    type: ClassVar[str] = "mute.set"
    user_id: str
    reason: str | None
    muted_by: str | None
    expires_at: int | None


class MuteLifted(Payload, frozen=True):
    type: ClassVar[str] = "mute.lifted"
    user_id: str


class UserKicked(Payload, frozen=True):
    """A soft kick: the user may return."""

    type: ClassVar[str] = "user.kicked"
    user_id: str


class CustomSent(Payload, frozen=True):
    """``payload`` is the sender's JSON, byte for byte."""

    type: ClassVar[str] = "custom.sent"
    user_id: str
    event_type: str
    payload: msgspec.Raw


SyncKind = Literal["data", "periodic", "chat_history", "session_history"]


class SyncRequested(Payload, frozen=True):
    """A sync of one room (the event's conversation) or of all open rooms is due."""

    type: ClassVar[str] = "sync.requested"
    kinds: tuple[SyncKind, ...]
    due_at: int
    from_time: int | None = None
    to_time: int | None = None
    full: bool = False


class EndpointAdded(Payload, frozen=True):
    """A receiver of callbacks, without its secret. ``events`` are globs of event types,
    ``scope`` is the name of the one that it hears of."""

    type: ClassVar[str] = "endpoint.added"
    endpoint_id: str
    url: str
    events: tuple[str, ...]
    scope: str


class EndpointChanged(Payload, frozen=True):
    """``changed`` names what is different: url, events, status, secret."""

    type: ClassVar[str] = "endpoint.changed"
    endpoint_id: str
    url: str
    events: tuple[str, ...]
    status: Literal["enabled", "disabled"]
    changed: tuple[str, ...]
    reason: str | None = None


class EndpointRemoved(Payload, frozen=True):
    type: ClassVar[str] = "endpoint.removed"
    endpoint_id: str


class DeliveryResent(Payload, frozen=True):
    """An operator has asked for one more time."""

    type: ClassVar[str] = "delivery.resent"
    endpoint_id: str
    delivery_id: str


RecoveryKind = Literal["failed", "missing", "all"]


class CallbacksRecovered(Payload, frozen=True):
    """One page of a recovery: so many deliveries are pending that were not."""

    type: ClassVar[str] = "callbacks.recovered"
    endpoint_id: str | None
    only: RecoveryKind
    count: int


FAMILIES: dict[Kind, str] = {
    "room": "room",
    "single": "chat",
    "group": "chat",
    "private": "chat",
    "public": "chat",
    "support": "support",
}
"""What the events of a kind's life are named after."""


def _lifecycle(family: str, noun: str) -> tuple[EventType, ...]:
    parts: tuple[tuple[EventClass, type[Lifecycle], str], ...] = (
        ("state", ConversationCreated, f"* the {noun} {{name}} was created"),
        ("state", ConversationRenamed, f"* the {noun} is now called {{name}}"),
        ("state", ConversationClosed, f"* the {noun} was closed"),
        ("state", AdminsSet, f"* the {noun}'s admins are {{admins}}"),
        (
            "system",
            ConversationPurged,
            f"* the {noun} {{public_id}} was removed, with all that was in it",
        ),
    )
    return tuple(
        EventType(f"{family}.{payload.type}", event_class, payload, sentence, is_audited=True)
        for event_class, payload, sentence in parts
    )


TYPES: tuple[EventType, ...] = (
    *_lifecycle("room", "room"),
    *_lifecycle("chat", "chat"),
    *(
        each
        for each in _lifecycle("support", "conversation")
        if each.payload is not ConversationClosed
    ),
    audited("system", ScopeCreated, "* the {scope_type} {number} was created"),
    unaudited("state", ParticipantJoined, "* {user_id} is a participant ({role})"),
    unaudited("state", ParticipantLeft, "* {user_id} is no longer a participant"),
    unaudited("message", MessagePosted, "{who} {what}"),
    audited("message", MessageDeleted, "* message {message_id} was deleted"),
    audited("message", MessageErased, "* message {message_id} was erased"),
    unaudited("session", SessionJoined, "* {user_id} joined"),
    unaudited("session", SessionLeft, "* {user_id} left{because}"),
    audited("state", BanSet, "* {user_id} was banned{until}{because}"),
    audited("state", BanLifted, "* the ban of {user_id} was lifted"),
    audited("state", MuteSet, "* {user_id} was muted{until}{because}"),
    audited("state", MuteLifted, "* {user_id} may speak again"),
    audited("state", UserKicked, "* {user_id} was kicked"),
    unaudited("state", CustomSent, "* {user_id} sent {event_type}"),
    unaudited("system", SyncRequested, "* a sync was requested: {kinds}"),
    unaudited("system", EndpointAdded, "* callbacks of {scope} go to {url}: {events}"),
    unaudited("system", EndpointChanged, "* callbacks to {url} changed: {changed}{because}"),
    unaudited("system", EndpointRemoved, "* callbacks no longer go to endpoint {endpoint_id}"),
    unaudited("system", DeliveryResent, "* delivery {delivery_id} was resent"),
    unaudited("system", CallbacksRecovered, "* deliveries that are pending again: {count}"),
    *chat_events.TYPES,
    *account_events.TYPES,
    *support_events.TYPES,
)
BY_NAME: dict[str, EventType] = {each.name: each for each in TYPES}
TYPE_NAMES = tuple(sorted(BY_NAME))
_DECODERS = {each.name: msgspec.json.Decoder(each.payload) for each in TYPES}
encode = msgspec.json.Encoder().encode


WITH_TEXT = (MessagePosted, chat_events.MessageEdited)
T = TypeVar("T", bound=MessagePosted | chat_events.MessageEdited)


def without_text(said: T) -> T:
    """What an erasure leaves of it."""
    bare = msgspec.structs.replace(said, content="", attachments=())
    if said.support is None:
        return bare
    return msgspec.structs.replace(bare, support=msgspec.structs.replace(said.support, file=None))


def without_name(payload: Payload) -> Payload:
    """What the erasure of an account or a customer leaves of it."""
    nameless: dict[str, str | None] = {}
    match payload:
        case account_events.AccountCreated():
            nameless = {"email": None, "fullname": ""}
        case account_events.AccountChanged():
            nameless = {"email": None, "fullname": "", "avatar": None}
        case support_events.CustomerCreated():
            nameless = {"name": "", "email": None, "external_id": None}
        case support_events.CustomerChanged():
            nameless = {"name": "", "email": None}
        case support_events.Rated():
            nameless = {"comment": ""}
        case support_events.FileAttached():
            nameless = {"name": ""}
    return msgspec.structs.replace(payload, **nameless)


# What they are about must leave the database's files.
ERASURES = (MessageErased, account_events.AccountErased, support_events.CustomerErased)


class Event(msgspec.Struct, frozen=True):
    """An entry of the log. ``scope``: whose conversation it is about; None: the server's."""

    offset: int
    at: int
    scope: int | None
    conversation: int | None
    actor: Actor
    payload: Payload


_CLASS_OF = {each.name: each.event_class for each in TYPES}
_POSTED = (MessagePosted.type, _CLASS_OF[MessagePosted.type])


def name_and_class(payload: Payload) -> tuple[str, EventClass]:
    """What the log's columns ``type`` and ``class`` say of it."""
    if type(payload) is MessagePosted:
        return _POSTED
    name = type_name(payload)
    return name, _CLASS_OF[name]


def type_name(payload: Payload) -> str:
    """The name in the log's ``type`` column."""
    if isinstance(payload, Lifecycle):
        return f"{FAMILIES[payload.kind]}.{payload.type}"
    return payload.type_name if isinstance(payload, Unknown) else payload.type


def is_audited(payload: Payload) -> bool:
    found = BY_NAME.get(type_name(payload))
    return found is not None and found.is_audited


def decode(type_name: str, payload: str | bytes) -> Payload:
    """Raises msgspec.DecodeError for a damaged payload."""
    decoder = _DECODERS.get(type_name)
    if decoder is None:
        return Unknown(type_name, msgspec.json.decode(payload, type=msgspec.Raw))
    return decoder.decode(payload)


def sentence(type_name: str, values: Mapping[str, Any]) -> str:
    """For a person; ``values`` as the API gives them. Escaping them is the reader's affair."""
    found = BY_NAME.get(type_name)
    if found is None:
        return f"* {type_name}, of a newer version"
    return found.sentence.format_map(_Words(values))


class _Words(dict[str, Any]):
    """The values, and what a sentence says of them in other words."""

    def __missing__(self, name: str) -> str:
        return ""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__({name: _words(value) for name, value in values.items()})
        if values.get("expires_at"):
            self["until"] = f" until {values['expires_at'][:19]}Z"
        if values.get("reason") not in (None, "", "left"):
            self["because"] = f" ({values['reason']})"
        if "status" in values.get("changed", ()):
            said = [self["status"] if each == "status" else each for each in values["changed"]]
            self["changed"] = _words(said)
        self["who"] = "*" if values.get("kind") == "system" else f"{self['nickname']}:"
        attached = values.get("attachments")
        self["what"] = self["content"] or (f"({_words(attached)})" if attached else "(erased)")


def _words(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "nobody"
    return "" if value is None else value
