"""The chat that a path names, and who does something to it."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar.di import NamedDependency
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team.face import account_of
from chatctl_server.storage import chats
from chatctl_server.storage.chats import FoundChat
from chatctl_server.storage.sql import Database
from chatctl_server.views.team import chats as views
from chatctl_server.views.team.fields import ChatId

T = TypeVar("T")


class TargetChat:
    """Members alone may do something to it; what else it takes, the action decides."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, chat_id: FromPath[ChatId]
    ) -> None:
        self.id = chat_id
        self.account = account_of(request.scope)
        self._actor = caller.of(request.scope).actor()
        self._store = context.store

    async def find(self) -> FoundChat:
        """Also one in a workspace of the caller's that they are not in. Raises
        ConversationNotFound."""
        return await self._store.read_live(chats.find, self.account, self.id)

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        """As a member. Raises ConversationNotFound or NotAParticipant, and what the action
        raises."""
        found = await self._store.read_live(chats.find_mine, self.account, self.id)
        return await self._store.write(action, self._actor, found.ref, *arguments)

    async def join(self, action: Callable[..., T]) -> T:
        found = await self.find()
        return await self._store.write(action, self._actor, found.ref, self.account)

    async def show(self) -> views.Chat:
        """As the caller sees it. Raises ConversationNotFound or NotAParticipant."""
        return await self._store.read_live(_shown, self.account, self.id)


def _shown(db: Database, account: int, chat_id: int) -> views.Chat:
    found = chats.find(db, account, chat_id)
    if found.role is None and found.kind != "public":
        raise errors.NotAParticipant("Only members of the chat may see it")
    return views.chat(chat_id, found.workspace, chats.get(db, found.ref))


Subject = NamedDependency[TargetChat]
