"""Chats: listed, made, shown, changed, deleted, joined and left; what one is notified of."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, patch, post, route
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import chats
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team.chat_bodies import ChangeChat, CreateChat, SetPreferences
from chatctl_server.api.team.paths import CHATS, of_chat
from chatctl_server.api.team.target_chat import KNOWN, OwnChat, Subject, create
from chatctl_server.api.team.workspace_of import AskedWorkspace
from chatctl_server.storage import chat_lists
from chatctl_server.storage.sql import Database
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.views.fields import means
from chatctl_server.views.team import chats as views

Workspace = NamedDependency[AskedWorkspace]
ListScope = Annotated[
    Literal["mine", "public"],
    QueryParameter(name="scope"),
    means("`mine`: those that the caller is in; `public`: those that they may join", "mine"),
]
LISTED = ResponseSpec(
    list[views.ChatItem], generate_examples=False, description="The chats; maybe none"
)
MEMBERS_ONLY = (errors.NotAParticipant,)


class Chats(Controller):
    tags = ("chats",)
    dependencies = {  # noqa: RUF012  never changed
        "subject": Provide(OwnChat, sync_to_thread=False),
        "workspace": Provide(AskedWorkspace, sync_to_thread=False),
    }

    @get(
        CHATS,
        summary="List chats, newest activity first",
        responses={200: LISTED},
    )
    async def list_chats(
        self, context: GivenContext, workspace: Workspace, list_scope: ListScope = "mine"
    ) -> Response[bytes]:
        """Of the asked workspace: the caller's own, or the PublicChannels that they are not in.
        What was changed before the call is in it."""
        ref = (await workspace.find()).ref
        if list_scope == "public":
            found = await context.store.read(_public, ref, workspace.account)
            return Response(found, media_type="application/json")
        found = await context.chat_lists.of(ref, workspace.account)
        return Response(found, media_type="application/json")

    @post(
        CHATS,
        status_code=201,
        summary="Make a chat",
        response_description="The new chat",
        responses={200: KNOWN},
        opt={"refuses": (errors.AccountNotFound, errors.NameTaken)},
    )
    async def create_chat(
        self,
        request: AnyRequest,
        context: GivenContext,
        workspace: Workspace,
        data: JSONBody[CreateChat],
    ) -> Response[views.Chat]:
        """In the asked workspace; its creator owns it. A Single has exactly two members, a Group at
        least three, a PublicChannel begins with its creator alone. Names are unique in a workspace,
        but for those of Singles."""
        ref, actor = (await workspace.find()).ref, caller.of(request.scope).actor()
        return await create(context, actor, ref, workspace.account, data)

    @get(
        of_chat(),
        summary="Show a chat",
        response_description="The chat",
        opt={"refuses": MEMBERS_ONLY},
    )
    async def show_chat(self, subject: Subject) -> views.Chat:
        """To its members; a PublicChannel to everybody in the workspace."""
        return await subject.show()

    @route(
        of_chat(),
        http_method=["PATCH", "PUT"],
        summary="Change a chat",
        response_description="The chat as it is now",
        opt={"refuses": (*MEMBERS_ONLY, errors.NotAllowed, errors.NameTaken)},
    )
    async def change_chat(self, subject: Subject, data: JSONBody[ChangeChat]) -> views.Chat:
        """Its name or what it is for; what is left out stays. Its owner and its admins may."""
        await subject.run(chats.change, data.name, data.description)
        return await subject.show()

    @delete(
        of_chat(),
        status_code=204,
        summary="Delete a chat",
        response_description="Nobody finds it any more",
        opt={"refuses": (*MEMBERS_ONLY, errors.NotAllowed)},
    )
    async def delete_chat(self, subject: Subject) -> None:
        """For good, with its messages. Its owner may."""
        await subject.run(chats.delete)

    @post(
        of_chat("/join"),
        status_code=200,
        summary="Join a PublicChannel",
        response_description="The chat, with the caller in it",
        opt={"refuses": (errors.NotAllowed,)},
    )
    async def join_chat(self, subject: Subject) -> views.Chat:
        """Whoever is in it already stays what they are."""
        return await subject.join()

    @post(
        of_chat("/leave"),
        status_code=204,
        summary="Leave a chat",
        response_description="The caller is in it no more",
        opt={"refuses": (*MEMBERS_ONLY, errors.InvalidInput, errors.OwnerMustTransfer)},
    )
    async def leave_chat(self, subject: Subject) -> None:
        """Its owner makes another member the owner before; nobody leaves a Single."""
        await subject.run(chats.remove, (subject.account,))

    @patch(
        of_chat("/preferences"),
        summary="Set of what one is notified",
        response_description="The caller's preferences now",
        opt={"refuses": MEMBERS_ONLY},
    )
    async def set_preferences(
        self, subject: Subject, data: JSONBody[SetPreferences]
    ) -> views.ChatPreferences:
        """In this chat, for the caller alone. What is left out stays."""
        found = await subject.run(chats.set_preferences, subject.account, data.notify, data.until)
        return views.preferences(subject.id, found)


def _public(db: Database, workspace: WorkspaceRef, account: int) -> bytes:
    found = chat_lists.public(db, workspace, account)
    return msgspec.json.encode(
        [views.public_item(each, workspace.number, account) for each in found]
    )
