"""A message of the desk as its clients see it: the same from a row and from an event."""

from typing import Annotated, Literal

import msgspec

from chatctl_server.domain import times
from chatctl_server.domain.chat_events import MessageEdited
from chatctl_server.domain.events import MessagePosted
from chatctl_server.domain.support_events import AttachedFile, SupportMessage
from chatctl_server.storage.support_messages import SupportMessageState
from chatctl_server.views import fields as shared
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields

_REST = "81884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
FILE = f"/files/c/{fields.CONVERSATION}/9f8/6d0/{_REST}.png"


class MessageFile(msgspec.Struct, frozen=True):
    url: Annotated[str, means("Where it is, for whoever may read the conversation", FILE)]
    name: Annotated[str, means("What its sender calls it", "receipt.png")]
    size: Annotated[int, means("Bytes", 5)]
    type: Annotated[str, means("Its media type, told from its first bytes", "image/png")]


class DeskMessage(msgspec.Struct, frozen=True):
    id: fields.MessageId
    conversation_id: fields.ConversationId
    site_id: fields.SiteId
    shop_id: fields.ShopId
    sender_id: Annotated[
        str, means("Who sent it: `u<id>` an account, `cus_…` a customer, `key_…` a key", "u2")
    ]
    sender_type: Annotated[
        Literal["agent", "visitor", "bot", "system"], means("What the sender is", "agent")
    ]
    sender_name: Annotated[str, means("The sender's name when it was sent", "Anna")]
    content: shared.Content
    message_type: Annotated[Literal["text", "image", "file"], means("What it is", "text")]
    file: Annotated[MessageFile | None, means("The file that goes with it")]
    is_private: Annotated[bool, means("A note between agents", False)]
    client_msg_id: Annotated[str | None, means("The id that its sender gave it", "4f1c-7")]
    timestamp: Annotated[str, means("When it was sent, RFC 3339", "2026-01-01T00:00:00.000000Z")]
    edited: Annotated[bool, means("Whether its text was changed", False)]
    edited_at: Annotated[str | None, means("When that was last; null: never")]


def of_posted(posted: MessagePosted, said: SupportMessage, site_id: str) -> DeskMessage:
    """At the moment when it was posted."""
    return _message(posted, said, site_id, posted.created_at, None)


def of_edited(
    edited: MessageEdited, said: SupportMessage, site_id: str, edited_at: int
) -> DeskMessage:
    """At the moment of the edit, whose time in microseconds it is."""
    return _message(edited, said, site_id, edited.created_at, edited_at)


def _message(
    event: MessagePosted | MessageEdited,
    said: SupportMessage,
    site_id: str,
    created_at: int,
    edited_at: int | None,
) -> DeskMessage:
    return DeskMessage(
        id=said.public_id,
        conversation_id=said.conversation_id,
        site_id=site_id,
        shop_id=site_id,
        sender_id=event.sender,
        sender_type=_sender_type(event.sender_kind),
        sender_name=event.nickname,
        content=event.content,
        message_type=said.message_type,
        file=_file(said.file),
        is_private=said.is_private,
        client_msg_id=event.client_msg_id,
        timestamp=times.rfc3339(created_at),
        edited=edited_at is not None,
        edited_at=times.rfc3339_or_none(edited_at),
    )


def of_state(state: SupportMessageState, conversation_id: str, site_id: str) -> DeskMessage:
    """As it is stored; without the content and the file of a deleted one."""
    is_deleted = state.deleted_at is not None
    return DeskMessage(
        id=state.public_id,
        conversation_id=conversation_id,
        site_id=site_id,
        shop_id=site_id,
        sender_id=state.sender,
        sender_type=_sender_type(state.sender_kind),
        sender_name=state.nickname,
        content="" if is_deleted else state.content,
        message_type=state.message_type,
        file=None if is_deleted else _file(state.file),
        is_private=state.is_private,
        client_msg_id=state.client_msg_id,
        timestamp=times.rfc3339(state.created_at),
        edited=state.edited_at is not None,
        edited_at=times.rfc3339_or_none(state.edited_at),
    )


def _file(stored: AttachedFile | None) -> MessageFile | None:
    return (
        None if stored is None else MessageFile(stored.url, stored.name, stored.size, stored.type)
    )


def _sender_type(kind: str) -> Literal["agent", "visitor", "bot", "system"]:
    match kind:
        case "visitor" | "bot" | "system":
            return kind
        case _:
            return "agent"
