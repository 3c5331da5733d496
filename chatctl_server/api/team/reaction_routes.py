"""What members make of a message: reactions, and whether it is pinned."""

from collections.abc import Callable
from typing import Annotated

from litestar import Controller, delete, post
from litestar.params import FromPath, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import chat_messages as actions
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody
from chatctl_server.api.team.message_bodies import React
from chatctl_server.storage import chat_messages
from chatctl_server.storage.chat_messages import MessageState
from chatctl_server.views.fields import means
from chatctl_server.views.team import fields
from chatctl_server.views.team import messages as views
from chatctl_server.views.team.messages import ChatMessage

REFUSES = {"refuses": (errors.NotAParticipant,)}
REFUSES_MORE = {"refuses": (errors.NotAParticipant, errors.Conflict)}
Emoji = Annotated[
    str | None, QueryParameter(), means("The emoji, where a client sends no body with DELETE", "👍")
]


class ReactionsAndPins(Controller):
    path = "/api/messages/{message_id:int}"
    tags = ("chat-messages",)

    @post(
        "/reactions",
        status_code=200,
        summary="React to a message",
        response_description="The message",
        opt=REFUSES_MORE,
    )
    async def add_reaction(
        self,
        request: AnyRequest,
        context: GivenContext,
        message_id: FromPath[fields.MessageId],
        data: JSONBody[React],
    ) -> ChatMessage:
        """A repeat changes nothing. A message has at most 50 different emoji."""
        return await _changed(request, context, actions.react, message_id, data.emoji)

    @delete(
        "/reactions",
        status_code=200,
        request_class=OptionalBody,
        summary="Take a reaction back",
        response_description="The message",
        opt=REFUSES,
    )
    async def remove_reaction(
        self,
        request: AnyRequest,
        context: GivenContext,
        message_id: FromPath[fields.MessageId],
        data: JSONBody[React | None] = None,
        emoji: Emoji = None,
    ) -> ChatMessage:
        """A repeat changes nothing."""
        symbol = emoji if data is None else data.emoji
        if symbol is None:
            raise errors.InvalidInput("emoji is missing", field="emoji")
        return await _changed(request, context, actions.take_back, message_id, symbol)

    @post(
        "/pin",
        status_code=200,
        summary="Pin a message",
        response_description="The message",
        opt=REFUSES_MORE,
    )
    async def pin_message(
        self, request: AnyRequest, context: GivenContext, message_id: FromPath[fields.MessageId]
    ) -> ChatMessage:
        """Any member may. A chat has at most 100 pinned messages."""
        return await _changed(request, context, actions.pin, message_id)

    @delete(
        "/pin",
        status_code=200,
        summary="Unpin a message",
        response_description="The message",
        opt=REFUSES,
    )
    async def unpin_message(
        self, request: AnyRequest, context: GivenContext, message_id: FromPath[fields.MessageId]
    ) -> ChatMessage:
        """Any member may, whoever has pinned it."""
        return await _changed(request, context, actions.unpin, message_id)


async def _changed(
    request: AnyRequest,
    context: Context,
    action: Callable[..., MessageState],
    message_id: int,
    *more: str,
) -> ChatMessage:
    who, store = caller.of(request.scope), context.store
    chat = await store.read_live(chat_messages.find, who.account, message_id)
    return views.of_state(await store.write(action, who.actor(), chat, message_id, *more))
