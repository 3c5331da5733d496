"""Chats and their members, as an operator manages them."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import chats, managed_chats
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, Limit, page
from chatctl_server.api.reach import (
    REACH,
    After,
    OnlyUser,
    OnlyWorkspace,
    Reach,
    narrowed,
)
from chatctl_server.api.team.chat_bodies import ChangeChat, CreateChat, Named, RoleInChat
from chatctl_server.api.team.target_chat import KNOWN, TargetChat, create
from chatctl_server.domain import accounts as rules
from chatctl_server.storage import chat_lists, workspaces
from chatctl_server.storage import chats as stored
from chatctl_server.storage.chats import FoundChat
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.storage.sql import Database
from chatctl_server.views.fields import means
from chatctl_server.views.team import chats as views
from chatctl_server.views.team.fields import AccountId, ChatId

Text = Annotated[
    str | None,
    QueryParameter(name="q", max_length=255),
    means("Only those with this text in the name", "lunch"),
]


class MakeChat(CreateChat, frozen=True, kw_only=True):
    owner: Annotated[int, means("The user who owns it", 1, ge=1, le=LATEST)]
    workspace: (
        Annotated[int, means("The workspace that it is in; 0, or that of the key", ge=0, le=LATEST)]
        | None
    ) = None


class ChangeAnyChat(ChangeChat, frozen=True):
    """What is left out stays."""

    owner: Annotated[int, means("The member who owns it from now on", ge=1, le=LATEST)] | None = (
        None
    )


class GiveRole(msgspec.Struct, frozen=True):
    role: RoleInChat


class AnyChat(TargetChat):
    """Where the caller reaches its workspace."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, reach: Reach, chat_id: FromPath[ChatId]
    ) -> None:
        def find(db: Database) -> FoundChat:
            return stored.find_any(db, chat_id, reach)

        self.who = caller.of(request.scope)
        super().__init__(context, self.who.actor(), chat_id, seen=find, used=find)


Subject = NamedDependency[AnyChat]
SUBJECT = {**REACH, "subject": Provide(AnyChat, sync_to_thread=False)}


class AllChats(Controller):
    path = "/management/chats"
    tags = ("team-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="List all chats",
        response_description="The chats, by their ids; the header `Link` has the next page",
        opt={"refuses": (errors.WorkspaceNotFound,)},
    )
    async def list_all_chats(
        self,
        context: GivenContext,
        reach: Reach,
        workspace: OnlyWorkspace = None,
        text: Text = None,
        user_id: OnlyUser = None,
        after: After = 0,
        limit: Limit = 100,
    ) -> Response[list[views.Chat]]:
        """Of every workspace, or of one."""
        member = None if user_id is None else rules.user_id(user_id)
        wanted = chat_lists.ChatFilter(narrowed(reach, workspace), member, text)
        found = await context.store.read(chat_lists.everywhere, wanted, after, limit + 1)
        shown = [views.listed(*each) for each in found]
        asked = {"workspace": workspace, "q": text, "user_id": user_id}
        return page(shown, limit, "/management/chats", asked)

    @post(
        "/",
        status_code=201,
        summary="Make a chat for somebody",
        response_description="The new chat",
        responses={200: KNOWN},
        opt={
            "refuses": (
                errors.BadText,
                errors.WorkspaceNotFound,
                errors.AccountNotFound,
                errors.NameTaken,
            )
        },
    )
    async def make_chat(
        self, request: AnyRequest, context: GivenContext, reach: Reach, data: JSONBody[MakeChat]
    ) -> Response[views.Chat]:
        """By the rules of each type, as if its owner made it."""
        number = narrowed(reach, data.workspace) or 0
        ref = (await context.store.read(workspaces.get, number)).ref
        return await create(context, caller.of(request.scope).actor(), ref, data.owner, data)

    @get(
        "/{chat_id:int}",
        summary="Show any chat",
        response_description="The chat",
    )
    async def show_any_chat(self, subject: Subject) -> views.Chat:
        """By its id."""
        return await subject.show()

    @patch(
        "/{chat_id:int}",
        summary="Change any chat, or give it another owner",
        response_description="The chat as it is now",
        opt={"refuses": (errors.NameTaken,)},
    )
    async def change_any_chat(self, subject: Subject, data: JSONBody[ChangeAnyChat]) -> views.Chat:
        """The new owner is a member of it; the old one stays as a member."""
        await subject.run(managed_chats.change, data.name, data.description, data.owner)
        return await subject.show()

    @delete(
        "/{chat_id:int}",
        status_code=204,
        summary="Delete any chat",
        response_description="Nobody finds it any more",
    )
    async def delete_any_chat(self, subject: Subject) -> None:
        """For good, with its messages."""
        await subject.run(chats.delete)


class MembersOfChat(Controller):
    path = "/management/chats/{chat_id:int}/members"
    tags = ("team-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="Who is in any chat",
        response_description="Its members, in the order in which they came",
    )
    async def list_members_of_chat(self, subject: Subject) -> list[views.ChatMember]:
        """With their roles."""
        return await subject.members()

    @post(
        "/",
        status_code=201,
        summary="Add members to any chat",
        response_description="Those who were not in it before",
        opt={"refuses": (errors.AccountNotFound,)},
    )
    async def add_members_to_chat(
        self, subject: Subject, data: JSONBody[Named]
    ) -> list[views.ChatMember]:
        """People of its workspace. Nobody is added to a Single."""
        return await subject.add(data)

    @patch(
        "/{member_id:int}",
        summary="Give a member of any chat another role",
        response_description="The chat",
        opt={"refuses": (errors.OwnerMustTransfer,)},
    )
    async def set_role_in_chat(
        self, subject: Subject, member_id: FromPath[AccountId], data: JSONBody[GiveRole]
    ) -> views.Chat:
        """A new owner takes the place of the old one."""
        return await subject.set_role(member_id, data.role)

    @delete(
        "/{member_id:int}",
        status_code=204,
        summary="Remove a member of any chat",
        response_description="The user is in it no more",
        opt={"refuses": (errors.InvalidInput, errors.OwnerMustTransfer)},
    )
    async def remove_member_of_chat(self, subject: Subject, member_id: FromPath[AccountId]) -> None:
        """Its owner stays until it has another."""
        await subject.remove((member_id,))
