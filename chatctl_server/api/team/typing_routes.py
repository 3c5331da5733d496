"""Who is typing in a chat: told, and never stored."""

from litestar import post
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.api import refusals
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team import signals
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.paths import of_chat
from chatctl_server.storage import chats
from chatctl_server.storage.chats import FoundChat
from chatctl_server.views.team.fields import ChatId

REFUSED = {"refuses": (errors.NotAParticipant,), "never": refusals.WRITING}


@post(
    of_chat("/typing/start"),
    status_code=204,
    tags=("live",),
    summary="Say that I am typing",
    response_description="The other members are told",
    opt=REFUSED,
)
async def start_typing(
    request: AnyRequest, context: GivenContext, chat_id: FromPath[ChatId]
) -> None:
    """It ends by itself after six seconds; to be said again before that."""
    signals.start_typing(context, *await _typist(request, context, chat_id))


@post(
    of_chat("/typing/stop"),
    status_code=204,
    tags=("live",),
    summary="Say that I am typing no more",
    response_description="The other members are told, if they did not know",
    opt=REFUSED,
)
async def stop_typing(
    request: AnyRequest, context: GivenContext, chat_id: FromPath[ChatId]
) -> None:
    """Sending a message does not say so."""
    signals.stop_typing(context, *await _typist(request, context, chat_id))


async def _typist(
    request: AnyRequest, context: Context, chat_id: int
) -> tuple[FoundChat, int, str]:
    """The chat, who it is, and what they are called. Raises ConversationNotFound or
    NotAParticipant."""
    account = account_of(request.scope)
    chat = await context.store.read_live(chats.find_mine, account, chat_id)
    return chat, account, await context.directory.fullname(account)
