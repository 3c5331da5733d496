"""How far members have read."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.actions import chat_messages as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.paths import of_chat
from chatctl_server.api.team.workspace_of import AskedWorkspace
from chatctl_server.storage import chat_messages, chats
from chatctl_server.storage.chat_messages import ReadReceipt
from chatctl_server.storage.sql import Database
from chatctl_server.views.fields import means
from chatctl_server.views.team import fields
from chatctl_server.views.team import messages as views

TAGS = ("chat-messages",)
MEMBERS = {"refuses": (errors.NotAParticipant,)}


class UnreadEntry(msgspec.Struct, frozen=True):
    chat_id: fields.ChatId
    unread_count: Annotated[int, means("Messages of others behind the cursor", 3)]
    mention_count: Annotated[int, means("Those of them that mention the reader", 1)]
    last_read_message_id: Annotated[
        int | None, means("Where the cursor is; null: nothing was read", 1)
    ]


@post(
    of_chat("/messages/{message_id:int}/read"),
    status_code=204,
    tags=TAGS,
    summary="Move my read cursor to a message",
    response_description="It is there, or was behind it",
    opt={"refuses": (errors.NotAParticipant,)},
)
async def mark_read(
    request: AnyRequest,
    context: GivenContext,
    chat_id: FromPath[fields.ChatId],
    message_id: FromPath[fields.MessageId],
) -> None:
    """It never goes back."""
    who = caller.of(request.scope)
    chat = await context.store.read_live(chats.find_mine, who.account, chat_id)
    await context.store.write(actions.read, who.actor(), chat.ref, message_id)


@get(
    "/api/messages/{message_id:int}/receipts",
    tags=TAGS,
    summary="Who has read a message, and when",
    response_description="In the order in which they read it, without its sender",
    opt=MEMBERS,
)
async def list_receipts(
    request: AnyRequest, context: GivenContext, message_id: FromPath[fields.MessageId]
) -> list[views.ReceiptEntry]:
    """Of those who are members now."""
    found = await context.store.read_live(_receipts, account_of(request.scope), message_id)
    return [views.receipt_entry(each) for each in found]


@get(
    "/api/unread-counts",
    tags=TAGS,
    summary="What I have not read, by chat",
    response_description="Of each chat of the workspace that I am in",
    dependencies={"asked": Provide(AskedWorkspace, sync_to_thread=False)},
)
async def count_unread(
    context: GivenContext, asked: NamedDependency[AskedWorkspace]
) -> list[UnreadEntry]:
    """Own messages are never unread, deleted ones neither."""
    membership = await asked.find()
    found = await context.chat_lists.unread(membership.ref, asked.account)
    return [UnreadEntry(*msgspec.structs.astuple(each)) for each in found]


def _receipts(db: Database, account: int, message_id: int) -> list[ReadReceipt]:
    chat = chat_messages.find(db, account, message_id)
    return chat_messages.receipts(db, chat, message_id)
