"""A chat's messages: posted, listed, read, edited, deleted."""

from typing import Annotated, Any

from litestar import Controller, Response, delete, get, post, route
from litestar.enums import HttpMethod
from litestar.params import FromPath, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import chat_messages as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, page, paged
from chatctl_server.api.team import posts
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.message_bodies import EditMessage, PostChatMessage
from chatctl_server.api.team.paths import of_chat
from chatctl_server.storage import chat_messages, chats
from chatctl_server.storage.chat_messages import Edit, MessageState
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views.fields import means
from chatctl_server.views.team import fields
from chatctl_server.views.team import messages as views
from chatctl_server.views.team.messages import ChatMessage

Limit = Annotated[int, QueryParameter(ge=1, le=100), means("At most so many", 50)]
_Cursor = QueryParameter(ge=0, le=chats.NO_ID)
BeforeId = Annotated[int | None, _Cursor, means("Only messages before this one", 100)]
LastId = Annotated[int | None, _Cursor, means("The same as `before_id`", 100)]
AfterId = Annotated[
    int | None, _Cursor, means("Only messages after this one; the oldest is then the first", 1)
]
Offset = Annotated[
    int, QueryParameter(ge=0, le=chats.NO_ID), means("Pass over so many, the oldest", 0)
]
MEMBERS: dict[str, Any] = {"refuses": (errors.NotAParticipant,)}


class ChatMessages(Controller):
    path = "/"
    tags = ("chat-messages",)

    @post(
        of_chat("/messages"),
        status_code=201,
        summary="Post a message",
        response_description="The message; of a repeat, the first one",
        opt={"refuses": (errors.NotAParticipant, errors.Banned, errors.Muted)},
    )
    async def post_chat_message(
        self,
        request: AnyRequest,
        context: GivenContext,
        chat_id: FromPath[fields.ChatId],
        data: JSONBody[PostChatMessage],
    ) -> ChatMessage:
        """A repeat with the same `idempotency_key`, from the same sender in the same chat, stores
        nothing. Without a key the server makes one.

        `mentions` of who is no member are left out. `files` are URLs that an upload to the chat's
        workspace has answered.
        """
        return await posts.post(context, caller.of(request.scope), chat_id, data)

    @get(
        of_chat("/messages"),
        summary="A chat's messages, newest first",
        response_description="The messages; the header `Link` has more when there are any",
        opt=MEMBERS,
    )
    async def list_chat_messages(
        self,
        request: AnyRequest,
        context: GivenContext,
        chat_id: FromPath[fields.ChatId],
        limit: Limit = 50,
        before_id: BeforeId = None,
        last_id: LastId = None,
        after_id: AfterId = None,
    ) -> Response[list[ChatMessage]]:
        """With `after_id` oldest first. Deleted messages are left out."""
        before = last_id if before_id is None else before_id
        if before is not None and after_id is not None:
            raise errors.InvalidInput("before_id and after_id exclude each other", field="after_id")
        account = account_of(request.scope)
        found = await context.store.read_live(_page, account, chat_id, before, after_id, limit + 1)
        cursor = "before_id" if after_id is None else "after_id"
        return paged_messages(request, found, limit, cursor)

    @get(
        of_chat("/pins"),
        summary="What is pinned in a chat",
        response_description="The messages; the one that was pinned last is the first",
        opt=MEMBERS,
    )
    async def list_pins(
        self, request: AnyRequest, context: GivenContext, chat_id: FromPath[fields.ChatId]
    ) -> list[ChatMessage]:
        """At most 100."""
        found = await context.store.read_live(_pinned, account_of(request.scope), chat_id)
        return [views.of_state(each) for each in found]


class OneMessage(Controller):
    path = "/api/messages/{message_id:int}"
    tags = ("chat-messages",)

    @get("/", summary="A message", response_description="The message", opt=MEMBERS)
    async def show_message(
        self, request: AnyRequest, context: GivenContext, message_id: FromPath[fields.MessageId]
    ) -> ChatMessage:
        """As it is now, with its reactions and how many messages answer it."""
        found = await context.store.read_live(_one, account_of(request.scope), message_id)
        return views.of_state(found)

    @route(
        "/",
        http_method=[HttpMethod.PATCH, HttpMethod.PUT],
        status_code=200,
        summary="Edit a message",
        response_description="The message as it is now",
        opt={"refuses": (errors.NotAParticipant, errors.NotAllowed, errors.Banned, errors.Muted)},
    )
    async def edit_message(
        self,
        request: AnyRequest,
        context: GivenContext,
        message_id: FromPath[fields.MessageId],
        data: JSONBody[EditMessage],
    ) -> ChatMessage:
        """Only its author may. The text before is kept: see `edits`."""
        actions.check_edit(data.content, context.settings.max_message_bytes)
        who, store = caller.of(request.scope), context.store
        chat = await store.read_live(chat_messages.find, who.account, message_id)
        change = chat, message_id, data.content, data.mentions
        size = len(data.content) + CALL_BYTES
        found = await store.write(actions.edit, who.actor(), *change, size=size)
        return views.of_state(found)

    @delete(
        "/",
        status_code=204,
        summary="Delete a message",
        response_description="It is deleted",
        opt={"refuses": (errors.NotAParticipant, errors.NotAllowed)},
    )
    async def delete_chat_message(
        self, request: AnyRequest, context: GivenContext, message_id: FromPath[fields.MessageId]
    ) -> None:
        """Its author may, and the chat's owner and admins. Nobody is shown it any more."""
        who, store = caller.of(request.scope), context.store
        chat = await store.read_live(chat_messages.find, who.account, message_id)
        await store.write(actions.delete, who.actor(), chat, message_id)

    @get(
        "/replies",
        summary="The thread below a message, oldest first",
        response_description="The replies; the header `Link` has more when there are any",
        opt=MEMBERS,
    )
    async def list_replies(
        self,
        request: AnyRequest,
        context: GivenContext,
        message_id: FromPath[fields.MessageId],
        limit: Limit = 50,
        after_id: AfterId = None,
    ) -> Response[list[ChatMessage]]:
        """Deleted replies are left out."""
        account = account_of(request.scope)
        asked = account, message_id, after_id or 0, limit + 1
        found = await context.store.read_live(_replies, *asked)
        return paged_messages(request, found, limit, "after_id")

    @get(
        "/edits",
        summary="The texts that a message had",
        response_description="Oldest first, without the text that it has now; the header `Link` "
        "has more when there are any",
        opt=MEMBERS,
    )
    async def list_edits(
        self,
        request: AnyRequest,
        context: GivenContext,
        message_id: FromPath[fields.MessageId],
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response[list[views.EditEntry]]:
        """Empty of a message that was never edited."""
        asked = account_of(request.scope), message_id, offset, limit + 1
        found = await context.store.read_live(_edits, *asked)
        following = {"limit": limit, "offset": offset + limit} if len(found) > limit else None
        shown = [views.edit_entry(each) for each in found[:limit]]
        return paged(shown, f"/api/messages/{message_id}/edits", following)


def paged_messages(
    request: AnyRequest, found: list[MessageState], limit: int, cursor: str
) -> Response[list[ChatMessage]]:
    """``found`` has one more than the page if there are more."""
    shown = [views.of_state(each) for each in found]
    return page(shown, limit, request.scope["path"].rstrip("/"), cursor=cursor)


def _page(
    db: Database, account: int, chat_id: int, before: int | None, after: int | None, limit: int
) -> list[MessageState]:
    chat = chats.find_mine(db, account, chat_id).ref
    if after is not None:
        return chat_messages.after(db, chat, after, limit)
    return chat_messages.before(db, chat, chats.NO_ID if before is None else before, limit)


def _pinned(db: Database, account: int, chat_id: int) -> list[MessageState]:
    return chat_messages.pinned(db, chats.find_mine(db, account, chat_id).ref)


def _one(db: Database, account: int, message_id: int) -> MessageState:
    return chat_messages.get(db, chat_messages.find(db, account, message_id), message_id)


def _replies(
    db: Database, account: int, message_id: int, after_id: int, limit: int
) -> list[MessageState]:
    chat = chat_messages.find(db, account, message_id)
    return chat_messages.replies(db, chat, message_id, after_id, limit)


def _edits(db: Database, account: int, message_id: int, offset: int, limit: int) -> list[Edit]:
    chat = chat_messages.find(db, account, message_id)
    return chat_messages.edits(db, chat, message_id, offset, limit)
