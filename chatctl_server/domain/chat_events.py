"""Events that only chats have. An account is ``u<id>`` here, as in every conversation.

A change of a chat has the chat as it is then, so that no stream reads the database for it. That
somebody has joined says that alone, however many are in it.
"""

from typing import ClassVar, Literal

import msgspec

from chatctl_server.domain.event_types import (
    EventType,
    Payload,
    Role,
    SenderKind,
    audited,
    unaudited,
)
from chatctl_server.domain.references import Kind
from chatctl_server.domain.support_events import SupportMessage

Notify = Literal["all", "mentions", "none"]


class ChatSnapshot(msgspec.Struct, frozen=True):
    """A chat at the time of the event; ``members`` in the order in which they came, those who came
    together in that of their numbers."""

    kind: Kind
    name: str
    description: str
    created_by: str
    created_at: int
    members: tuple[str, ...]
    updated_at: int = 0


class ChatUpdated(Payload, frozen=True):
    """Its name or description are new, or somebody's role in it."""

    type: ClassVar[str] = "chat.updated"
    chat: ChatSnapshot


class ParticipantRoleChanged(Payload, frozen=True):
    type: ClassVar[str] = "participant.role_changed"
    user_id: str
    role: Role


class PreferencesSet(Payload, frozen=True):
    """Of one participant; nobody else is told."""

    type: ClassVar[str] = "preferences.set"
    user_id: str
    notify: Notify
    muted_until: int | None


class Reactions(msgspec.Struct, frozen=True):
    """Who reacted with an emoji, in the order in which they did: the first 100, of ``count``."""

    emoji: str
    user_ids: tuple[str, ...]
    count: int


class MessageEdited(Payload, frozen=True, omit_defaults=True):
    """``posted_offset`` is that of the message.posted event; what that says beside ``content`` and
    ``mentions`` still holds. From ``sender`` on it is the message as it was then."""

    type: ClassVar[str] = "message.edited"
    message_id: int
    seq: int
    posted_offset: int
    content: str
    mentions: tuple[int, ...]
    sender: str
    nickname: str
    created_at: int
    client_msg_id: str | None = None
    reply_to: int | None = None
    attachments: tuple[str, ...] = ()
    reply_count: int = 0
    reactions: tuple[Reactions, ...] = ()
    is_pinned: bool = False
    support: SupportMessage | None = None
    sender_kind: SenderKind = "user"


class ReactionAdded(Payload, frozen=True):
    type: ClassVar[str] = "reaction.added"
    message_id: int
    emoji: str
    user_id: str


class ReactionRemoved(Payload, frozen=True):
    type: ClassVar[str] = "reaction.removed"
    message_id: int
    emoji: str
    user_id: str


class MessagePinned(Payload, frozen=True):
    type: ClassVar[str] = "message.pinned"
    message_id: int
    user_id: str


class MessageUnpinned(Payload, frozen=True):
    type: ClassVar[str] = "message.unpinned"
    message_id: int
    user_id: str


class ReadMoved(Payload, frozen=True):
    """The user has read up to this message; a cursor never goes back."""

    type: ClassVar[str] = "read.moved"
    user_id: str
    message_id: int
    seq: int


TYPES: tuple[EventType, ...] = (
    audited("state", ChatUpdated, "* the chat was changed"),
    unaudited("state", ParticipantRoleChanged, "* {user_id} is now {role}"),
    unaudited("session", PreferencesSet, "* {user_id} is notified of: {notify}"),
    unaudited("message", MessageEdited, "* message {message_id} was edited: {what}"),
    unaudited("state", ReactionAdded, "* {user_id} reacted to message {message_id}: {emoji}"),
    unaudited("state", ReactionRemoved, "* {user_id} took back {emoji} from message {message_id}"),
    unaudited("state", MessagePinned, "* {user_id} pinned message {message_id}"),
    unaudited("state", MessageUnpinned, "* {user_id} unpinned message {message_id}"),
    unaudited("session", ReadMoved, "* {user_id} has read up to message {message_id}"),
)
