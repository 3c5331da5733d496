"""What is said in chats, as an operator reads it, posts it and takes it back."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import messages
from chatctl_server.api import caller
from chatctl_server.api.bodies import Changed
from chatctl_server.api.caller import Caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, paged, storable
from chatctl_server.api.reach import (
    ADMIN_KEY,
    REACH,
    OnlyUser,
    OnlyWorkspace,
    Reach,
    narrowed,
)
from chatctl_server.api.team import posts
from chatctl_server.api.team.message_bodies import PostChatMessage
from chatctl_server.api.team.message_routes import Limit, paged_messages
from chatctl_server.api.team.operator.chat_routes import SUBJECT, Subject
from chatctl_server.domain import accounts as rules
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import accounts, chat_messages, chats
from chatctl_server.storage.chat_messages import MessageState
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views import fields as shared
from chatctl_server.views.fields import means
from chatctl_server.views.team import fields
from chatctl_server.views.team import messages as views
from chatctl_server.views.team.messages import ChatMessage

Text = Annotated[
    str | None,
    QueryParameter(name="q", max_length=500),
    means("Only those with this text in them", "hello"),
]
BeforeId = Annotated[
    int,
    QueryParameter(name="before_id", ge=0, le=chats.NO_ID),
    means("Only messages before this one", 100),
]
Erase = Annotated[bool, means("Take its text out of table and log, too", True)]


class PostAsOperator(msgspec.Struct, frozen=True):
    content: shared.Content
    as_user: Annotated[
        int | None, means("The member whose message it is; null: the system announces it")
    ] = None


class MessagesOfChat(Controller):
    path = "/management/chats/{chat_id:int}/messages"
    tags = ("team-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="What was said in any chat, newest first",
        response_description="The messages; the header `Link` has older ones when there are any",
    )
    async def list_messages_of_chat(
        self,
        request: AnyRequest,
        context: GivenContext,
        subject: Subject,
        before_id: BeforeId = chats.NO_ID,
        limit: Limit = 50,
    ) -> Response[list[ChatMessage]]:
        """Without those that were deleted."""
        asked = await subject.ref(), before_id, limit + 1
        found = await context.store.read(chat_messages.before, *asked)
        return paged_messages(request, found, limit, "before_id")

    @post(
        "/",
        status_code=201,
        summary="Post to any chat",
        response_description="The message",
        opt={
            **ADMIN_KEY,
            "refuses": (errors.NotAParticipant, errors.Banned, errors.AccountNotFound),
        },
    )
    async def post_to_chat(
        self, context: GivenContext, subject: Subject, data: JSONBody[PostAsOperator]
    ) -> ChatMessage:
        """As the system, whose `sender_id` is 0, or as one of its members."""
        posts.check(PostChatMessage(data.content), context.settings.max_message_bytes)
        ref = await subject.ref()
        sent = await _post(context, subject.who, ref, data)
        size = len(sent.content) + CALL_BYTES
        posted = await context.store.write(messages.POST, sent, size=size)
        found = await context.store.read(chat_messages.get, ref, posted.message_id)
        return views.of_state(found)


class AllMessages(Controller):
    path = "/management/messages"
    tags = ("team-operator",)
    dependencies = REACH

    @get(
        "/",
        summary="What was said in all chats, newest first",
        response_description="The messages; the header `Link` has older ones when there are any",
        opt={"refuses": (errors.WorkspaceNotFound,)},
    )
    async def list_all_messages(
        self,
        context: GivenContext,
        reach: Reach,
        text: Text = None,
        workspace: OnlyWorkspace = None,
        user_id: OnlyUser = None,
        before_id: BeforeId = chats.NO_ID,
        limit: Limit = 50,
    ) -> Response[list[ChatMessage]]:
        """With `q` it looks through 100,000 messages a page, which may then be empty: `Link` goes
        on."""
        sender = None if user_id is None else rules.user_id(user_id)
        wanted = chat_messages.ChatMessageFilter(narrowed(reach, workspace), sender, text)
        newest = chat_messages.newest
        found, rest = await context.store.read(newest, wanted, before_id, limit)
        following = None
        if rest is not None:
            asked = {"q": text, "workspace": workspace, "user_id": user_id}
            following = {**asked, "before_id": rest, "limit": limit}
        return paged([views.of_state(each) for each in found], "/management/messages", following)

    @get(
        "/{message_id:int}",
        summary="Show any message",
        response_description="The message",
    )
    async def show_any_message(
        self, context: GivenContext, reach: Reach, message_id: FromPath[fields.MessageId]
    ) -> ChatMessage:
        """Of one that was deleted the text is not shown."""
        return views.of_state(await context.store.read(_one, message_id, reach))

    @delete(
        "/{message_id:int}",
        status_code=200,
        summary="Delete any message",
        response_description="Whether there was still something to delete",
    )
    async def delete_any_message(
        self,
        request: AnyRequest,
        context: GivenContext,
        reach: Reach,
        message_id: FromPath[fields.MessageId],
        erase: FromQuery[Erase] = False,
    ) -> Changed:
        """Nobody is shown it any more, and the log keeps it; with `erase` its text leaves table and
        log, for good."""
        ref = await context.store.read(chat_messages.find_any, message_id, reach)
        action = messages.erase if erase else messages.delete
        actor = caller.of(request.scope).actor()
        return Changed(await context.store.write(action, actor, ref, message_id) is not None)


def _one(db: Database, message_id: int, reach: int | None) -> MessageState:
    return chat_messages.get(db, chat_messages.find_any(db, message_id, reach), message_id)


async def _post(context: Context, who: Caller, ref: ChatRef, data: PostAsOperator) -> messages.Post:
    """Raises AccountNotFound."""
    if data.as_user is None:
        system = messages.SYSTEM
        return messages.Post(
            ref, who.actor(), system, system, data.content, posts.made_key(), kind="system"
        )
    account = storable(data.as_user)
    found = await context.store.read(accounts.get, account)
    return messages.Post(
        ref,
        who.actor(),
        rules.user_id(account),
        found.fullname,
        data.content,
        posts.made_key(),
        is_guarded=False,
    )
