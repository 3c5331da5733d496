"""Chats as the team's clients see them, from rows and from events alike."""

from typing import Annotated

import msgspec

from chatctl_server.domain import accounts, chats, times
from chatctl_server.domain.chat_events import ChatSnapshot, Notify
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import chat_lists
from chatctl_server.storage.chats import ListedMember, Preferences
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.team.fields import AccountId, ChatId

TypeOfChat = Annotated[
    chats.ChatType, means("`Single`, `Group`, `PrivateChannel` or `PublicChannel`", "Group")
]
ChatName = Annotated[str, means("Shown to people, 1 to 128 characters", "lunch")]
Description = Annotated[str, means("What it is for, at most 4,096 bytes", "Where do we go?")]
Members = Annotated[
    tuple[int, ...], means("Numbers of its members, in the order in which they came", [1, 2, 3])
]
Notified = Annotated[
    Notify, means("Of what one is notified: `all`, `mentions` or `none`", "mentions")
]


class Chat(msgspec.Struct, frozen=True):
    id: ChatId
    workspace_id: Annotated[int, means("The workspace that it is in", 0)]
    name: ChatName
    type: TypeOfChat
    chat_type: Annotated[chats.ChatType, means("The same as `type`", "Group")]
    chat_members: Members
    description: Description
    created_by: Annotated[int, means("Who made it: a user's number", 1)]
    created_at: fields.At
    updated_at: fields.At


class LastMessageObject(msgspec.Struct, frozen=True):
    id: fields.MessageId
    content: fields.Content
    sender_name: Annotated[str, means("Who wrote it, as they were called then", "Anna")]
    created_at: fields.At
    has_files: Annotated[bool, means("Whether it has files", False)]


class ChatItem(Chat, frozen=True):
    """In a list. Nobody is told what was said in a chat that they are not in."""

    last_message: Annotated[
        LastMessageObject | None,
        means("The newest message that is not deleted; null: there is none"),
    ]
    unread_count: Annotated[int, means("Messages of others behind the last one read", 0)]
    mention_count: Annotated[int, means("Those of them that mention the caller", 0)]
    is_creator: Annotated[bool, means("Whether the caller has made it", True)]
    member_count: Annotated[int, means("How many are in it", 3)]


class ChatMember(msgspec.Struct, frozen=True):
    chat_id: ChatId
    user_id: AccountId
    role: Annotated[Role, means("`owner`, `admin` or `member`", "member")]
    joined_at: fields.At
    created_at: Annotated[str, means("The same as `joined_at`", "2026-01-01T00:00:00.000000Z")]


class ChatPreferences(msgspec.Struct, frozen=True):
    chat_id: ChatId
    notify: Notified
    muted_until: Annotated[
        str | None,
        means(
            "Until when nothing is notified, RFC 3339; null: it is", "2026-01-02T00:00:00.000000Z"
        ),
    ]


def chat(chat_id: int, workspace: int, found: ChatSnapshot) -> Chat:
    return Chat(
        chat_id,
        workspace,
        found.name,
        chats.TYPES[found.kind],
        chats.TYPES[found.kind],
        tuple(map(accounts.account_id, found.members)),
        found.description,
        accounts.account_id(found.created_by),
        times.rfc3339(found.created_at),
        times.rfc3339(found.updated_at),
    )


def listed(found: chat_lists.ListedChat, workspace: int) -> Chat:
    """For an operator, who is in none."""
    return Chat(
        found.id,
        workspace,
        found.name,
        chats.TYPES[found.kind],
        chats.TYPES[found.kind],
        tuple(found.members),
        found.description,
        accounts.account_id(found.created_by),
        times.rfc3339(found.created_at),
        times.rfc3339(found.updated_at),
    )


def item(found: chat_lists.MyChat, workspace: int, account: int) -> ChatItem:
    """For one of its members."""
    said = found.last_message
    return _item(
        found.chat,
        workspace,
        account,
        said and _last_message(said),
        found.unread.unread_count,
        found.unread.mention_count,
    )


def public_item(found: chat_lists.ListedChat, workspace: int, account: int) -> ChatItem:
    """For somebody who may join it."""
    return _item(found, workspace, account, None, 0, 0)


def _item(
    found: chat_lists.ListedChat,
    workspace: int,
    account: int,
    last_message: LastMessageObject | None,
    unread_count: int,
    mention_count: int,
) -> ChatItem:
    creator = accounts.account_id(found.created_by)
    return ChatItem(
        id=found.id,
        workspace_id=workspace,
        name=found.name,
        type=chats.TYPES[found.kind],
        chat_type=chats.TYPES[found.kind],
        chat_members=tuple(found.members),
        description=found.description,
        created_by=creator,
        created_at=times.rfc3339(found.created_at),
        updated_at=times.rfc3339(found.updated_at),
        last_message=last_message,
        unread_count=unread_count,
        mention_count=mention_count,
        is_creator=creator == account,
        member_count=len(found.members),
    )


def _last_message(row: chat_lists.LastMessage) -> LastMessageObject:
    created_at = times.rfc3339(row.created_at)
    return LastMessageObject(row.id, row.content, row.sender_name, created_at, bool(row.has_files))


def member(chat_id: int, found: ListedMember) -> ChatMember:
    joined_at = times.rfc3339(found.joined_at)
    account = accounts.account_id(found.user_id)
    return ChatMember(chat_id, account, found.role, joined_at, joined_at)


def preferences(chat_id: int, found: Preferences) -> ChatPreferences:
    until = found.muted_until
    return ChatPreferences(chat_id, found.notify, None if until is None else times.rfc3339(until))
