"""The chat that a path names, and what is done with it. Who may, the actions decide."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.actions import chats as actions
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, storable
from chatctl_server.api.team.chat_bodies import CreateChat, Named, people
from chatctl_server.api.team.face import account_of
from chatctl_server.domain import events
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import chats
from chatctl_server.storage.chats import FoundChat
from chatctl_server.storage.sql import Database
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.views.team import chats as views
from chatctl_server.views.team.fields import ChatId

T = TypeVar("T")
Finder = Callable[[Database], FoundChat]
KNOWN = ResponseSpec(
    views.Chat, generate_examples=False, description="The Single that the two have already"
)


class TargetChat:
    """``seen`` finds it for who wants to see it, ``used`` for who wants to do something with it;
    they raise ConversationNotFound or NotAParticipant."""

    def __init__(
        self, context: Context, actor: events.Actor, chat_id: int, *, seen: Finder, used: Finder
    ) -> None:
        self.id = chat_id
        self._actor = actor
        self._store = context.store
        self._seen = seen
        self._used = used

    async def ref(self) -> ChatRef:
        return (await self._store.read_live(self._used)).ref

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        return await self._store.write(action, self._actor, await self.ref(), *arguments)

    async def show(self) -> views.Chat:
        return await self._store.read_live(self._shown)

    def _shown(self, db: Database) -> views.Chat:
        found = self._seen(db)
        return views.chat(self.id, found.workspace, chats.get(db, found.ref))

    async def members(self) -> list[views.ChatMember]:
        def stored(db: Database) -> list[chats.ListedMember]:
            return chats.members(db, self._seen(db).ref)

        return [views.member(self.id, each) for each in await self._store.read_live(stored)]

    async def add(self, named: Named) -> list[views.ChatMember]:
        """Those who were not in it before."""
        added = set(await self.run(actions.add, people(named)))
        return [each for each in await self.members() if each.user_id in added]

    async def set_role(self, member_id: int, role: Role) -> views.Chat:
        await self.run(actions.set_role, storable(member_id), role)
        return await self.show()

    async def remove(self, named: Named) -> None:
        await self.run(actions.remove, [storable(each) for each in people(named)])


class OwnChat(TargetChat):
    """For somebody in its workspace: members use it, and a PublicChannel everybody sees."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, chat_id: FromPath[ChatId]
    ) -> None:
        self.account = account_of(request.scope)
        actor = caller.of(request.scope).actor()
        super().__init__(context, actor, chat_id, seen=self._visible, used=self._mine)

    async def join(self) -> views.Chat:
        ref = (await self._store.read_live(self._any)).ref
        await self._store.write(actions.join, self._actor, ref, self.account)
        return await self.show()

    def _any(self, db: Database) -> FoundChat:
        return chats.find(db, self.account, self.id)

    def _mine(self, db: Database) -> FoundChat:
        return chats.find_mine(db, self.account, self.id)

    def _visible(self, db: Database) -> FoundChat:
        found = self._any(db)
        if found.role is None and found.kind != "public":
            raise errors.NotAParticipant("Only members of the chat may see it")
        return found


Subject = NamedDependency[OwnChat]


async def create(
    context: Context, actor: events.Actor, workspace: WorkspaceRef, owner: int, data: CreateChat
) -> Response[views.Chat]:
    """200 for the Single that the two have already."""
    people = data.members or ()
    wanted = data.kind, data.name, owner, people, data.description or ""
    made = await context.store.write(actions.open_chat, actor, workspace, *wanted)
    found = await context.store.read_live(chats.get, made.ref)
    shown = views.chat(made.ref.id, workspace.number, found)
    return Response(shown, status_code=201 if made.is_new else 200)
