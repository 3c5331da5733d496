"""The events of the log: what happened, with every value that the tables store.

An event is applied without clock, randomness or look-up, so replaying the log rebuilds the
tables. Lifecycle events of a conversation are named by its kind (``room.created``).
Times are microseconds; user ids are opaque strings.
"""

from typing import ClassVar, Literal

import msgspec

Kind = Literal["room"]
MessageKind = Literal["text", "system"]
LeaveReason = Literal["left", "replaced", "kicked", "banned", "closed", "stopped", "crashed"]


class Actor(msgspec.Struct, frozen=True):
    """Who did it: ``credential`` is how they showed it, ``address`` where they came from."""

    user_id: str | None
    credential: str
    address: str | None = None


SERVER = Actor(None, "server")


class ConversationCreated(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "created"
    kind: Kind
    public_id: str
    name: str
    admins: tuple[str, ...]


class ConversationRenamed(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "renamed"
    kind: Kind
    name: str


class ConversationClosed(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "closed"
    kind: Kind
    current_users: int
    peak_users: int
    total_joins: int


class AdminsSet(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "admins_set"
    kind: Kind
    admins: tuple[str, ...]


class MessagePosted(msgspec.Struct, frozen=True, omit_defaults=True):
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


class MessageDeleted(msgspec.Struct, frozen=True):
    """``posted_offset`` is that of the message.posted event, whose text goes with it."""

    type: ClassVar[str] = "message.deleted"
    message_id: int
    seq: int
    posted_offset: int


class SessionJoined(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "session.joined"
    session_id: int
    user_id: str
    nickname: str
    current_users: int
    peak_users: int
    total_joins: int


class SessionLeft(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "session.left"
    session_id: int
    user_id: str
    nickname: str
    join_time: int
    leave_time: int
    reason: LeaveReason
    current_users: int


class BanSet(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "ban.set"
    user_id: str
    reason: str | None
    banned_by: str | None
    expires_at: int | None


class BanLifted(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "ban.lifted"
    user_id: str


class MuteSet(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "mute.set"
    user_id: str
    reason: str | None
    muted_by: str | None
    expires_at: int | None


class MuteLifted(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "mute.lifted"
    user_id: str


class UserKicked(msgspec.Struct, frozen=True):
    """A soft kick: the user may return."""

    type: ClassVar[str] = "user.kicked"
    user_id: str


class CustomSent(msgspec.Struct, frozen=True):
    """``payload`` is the sender's JSON, byte for byte."""

    type: ClassVar[str] = "custom.sent"
    user_id: str
    event_type: str
    payload: msgspec.Raw


SyncKind = Literal["data", "periodic", "chat_history", "session_history"]


class SyncRequested(msgspec.Struct, frozen=True):
    """A sync of one room (the event's conversation) or of all open rooms is due."""

    type: ClassVar[str] = "sync.requested"
    kinds: tuple[SyncKind, ...]
    due_at: int
    from_time: int | None = None
    to_time: int | None = None
    full: bool = False


class EndpointAdded(msgspec.Struct, frozen=True):
    """A receiver of callbacks, without its secret. ``events`` are globs of event types."""

    type: ClassVar[str] = "endpoint.added"
    endpoint_id: str
    url: str
    events: tuple[str, ...]


class EndpointChanged(msgspec.Struct, frozen=True):
    """``changed`` names what is different: url, events, status, secret."""

    type: ClassVar[str] = "endpoint.changed"
    endpoint_id: str
    url: str
    events: tuple[str, ...]
    status: Literal["enabled", "disabled"]
    changed: tuple[str, ...]
    reason: str | None = None


class EndpointRemoved(msgspec.Struct, frozen=True):
    type: ClassVar[str] = "endpoint.removed"
    endpoint_id: str


class DeliveryResent(msgspec.Struct, frozen=True):
    """An operator has asked for one more time."""

    type: ClassVar[str] = "delivery.resent"
    endpoint_id: str
    delivery_id: str


RecoveryKind = Literal["failed", "missing", "all"]


class CallbacksRecovered(msgspec.Struct, frozen=True):
    """One page of a recovery: so many deliveries are pending that were not."""

    type: ClassVar[str] = "callbacks.recovered"
    endpoint_id: str | None
    only: RecoveryKind
    count: int


Payload = (
    ConversationCreated
    | ConversationRenamed
    | ConversationClosed
    | AdminsSet
    | MessagePosted
    | MessageDeleted
    | SessionJoined
    | SessionLeft
    | BanSet
    | BanLifted
    | MuteSet
    | MuteLifted
    | UserKicked
    | CustomSent
    | SyncRequested
    | EndpointAdded
    | EndpointChanged
    | EndpointRemoved
    | DeliveryResent
    | CallbacksRecovered
)
LIFECYCLE = (ConversationCreated, ConversationRenamed, ConversationClosed, AdminsSet)
OTHERS = (
    MessagePosted,
    MessageDeleted,
    SessionJoined,
    SessionLeft,
    BanSet,
    BanLifted,
    MuteSet,
    MuteLifted,
    UserKicked,
    CustomSent,
    SyncRequested,
    EndpointAdded,
    EndpointChanged,
    EndpointRemoved,
    DeliveryResent,
    CallbacksRecovered,
)
ERASURES = (MessageDeleted,)  # the text that they are about must leave the database's files


class Event(msgspec.Struct, frozen=True):
    """An event in its place in the log."""

    offset: int
    at: int
    conversation: int | None
    actor: Actor
    payload: Payload


def type_name(payload: Payload) -> str:
    """The name in the log's ``type`` column."""
    if isinstance(payload, LIFECYCLE):
        return f"{payload.kind}.{payload.type}"
    return payload.type


_DECODERS: dict[str, msgspec.json.Decoder[Payload]] = {
    **{cls.type: msgspec.json.Decoder(cls) for cls in OTHERS},
    **{f"room.{cls.type}": msgspec.json.Decoder(cls) for cls in LIFECYCLE},
}
TYPE_NAMES = tuple(sorted(_DECODERS))
encode = msgspec.json.Encoder().encode


def decode(type_name: str, payload: str | bytes) -> Payload:
    """Raises KeyError for a type of a newer version, msgspec.DecodeError for a damaged payload."""
    return _DECODERS[type_name].decode(payload)
