"""A chat's message as its members see it: the same from a row and from an event."""

from typing import Annotated

import msgspec

from chatctl_server.domain import accounts, events, times
from chatctl_server.domain.chat_events import MessageEdited, Reactions
from chatctl_server.storage.chat_messages import Edit, MessageState, ReadReceipt
from chatctl_server.views import fields as shared
from chatctl_server.views.fields import means
from chatctl_server.views.team import fields

FILE = "/files/0/9f8/6d0/81884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png"


class ReactionCount(msgspec.Struct, frozen=True):
    emoji: Annotated[str, means("The emoji", "👍")]
    count: Annotated[int, means("How many use it", 1)]
    user_ids: Annotated[
        list[int], means("Who uses it, in the order in which they came: the first 100", [2])
    ]


class ChatMessage(msgspec.Struct, frozen=True):
    id: fields.MessageId
    chat_id: fields.ChatId
    sender_id: Annotated[int, means("Who sent it; 0: the system", 1)]
    sender_name: Annotated[str, means("The sender's name when it was sent", "Anna")]
    content: shared.Content
    files: Annotated[list[str], means("URLs of what goes with it", [FILE])]
    created_at: shared.At
    edited_at: Annotated[str | None, means("When its text was changed last; null: never")]
    idempotency_key: Annotated[
        str | None,
        means("The key it was sent with", "0198c1a0-7e2b-7c3d-9f4e-5a6b7c8d9e0f"),
    ]
    reply_to: Annotated[int | None, means("The message that it answers; null: none")]
    reply_count: Annotated[int, means("How many messages answer it", 0)]
    mentions: Annotated[list[int], means("The members that it mentions", [2])]
    reactions: Annotated[list[ReactionCount], means("By emoji, in the order of their first use")]
    is_pinned: Annotated[bool, means("Whether it is pinned in the chat", False)]
    seq: Annotated[int, means("Its number in the chat: 1, 2, 3 and so on without a hole", 1)]


class EditEntry(msgspec.Struct, frozen=True):
    content: Annotated[str, means("The text that it had", "helo")]
    edited_at: Annotated[
        str, means("Since when it had that text, RFC 3339", "2026-01-01T00:00:00.000000Z")
    ]


class ReceiptEntry(msgspec.Struct, frozen=True):
    user_id: fields.AccountId
    read_at: Annotated[
        str, means("When they had read up to it, RFC 3339", "2026-01-01T00:00:00.000000Z")
    ]


def of_posted(chat_id: int, posted: events.MessagePosted) -> ChatMessage:
    """At the moment when it was posted."""
    return ChatMessage(
        posted.message_id,
        chat_id,
        accounts.account_id(posted.sender),
        posted.nickname,
        posted.content,
        list(posted.attachments),
        times.rfc3339(posted.created_at),
        None,
        posted.client_msg_id,
        posted.reply_to,
        0,
        list(posted.mentions),
        [],
        False,
        posted.seq,
    )


def of_edited(chat_id: int, edited: MessageEdited, edited_at: int) -> ChatMessage:
    """At the moment of the edit, whose time in microseconds it is."""
    return ChatMessage(
        id=edited.message_id,
        chat_id=chat_id,
        sender_id=accounts.account_id(edited.sender),
        sender_name=edited.nickname,
        content=edited.content,
        files=list(edited.attachments),
        created_at=times.rfc3339(edited.created_at),
        edited_at=times.rfc3339(edited_at),
        idempotency_key=edited.client_msg_id,
        reply_to=edited.reply_to,
        reply_count=edited.reply_count,
        mentions=list(edited.mentions),
        reactions=[_reaction(each) for each in edited.reactions],
        is_pinned=edited.is_pinned,
        seq=edited.seq,
    )


def of_state(state: MessageState) -> ChatMessage:
    """As it is stored; without the content and the files of a deleted one."""
    row = state.message
    is_deleted = row.deleted_at is not None
    return ChatMessage(
        id=row.id,
        chat_id=row.conversation,
        sender_id=accounts.account_id(row.sender),
        sender_name=row.nickname,
        content="" if is_deleted else row.content,
        files=[] if is_deleted else list(state.files),
        created_at=times.rfc3339(row.created_at),
        edited_at=None if row.edited_at is None else times.rfc3339(row.edited_at),
        idempotency_key=row.client_msg_id,
        reply_to=row.reply_to,
        reply_count=state.reply_count,
        mentions=list(state.mentions),
        reactions=[_reaction(each) for each in state.reactions],
        is_pinned=state.is_pinned,
        seq=row.seq,
    )


def _reaction(given: Reactions) -> ReactionCount:
    user_ids = [accounts.account_id(each) for each in given.user_ids]
    return ReactionCount(given.emoji, given.count, user_ids)


def edit_entry(edit: Edit) -> EditEntry:
    return EditEntry(edit.content, times.rfc3339(edit.edited_at))


def receipt_entry(receipt: ReadReceipt) -> ReceiptEntry:
    return ReceiptEntry(accounts.account_id(receipt.user_id), times.rfc3339(receipt.read_at))
