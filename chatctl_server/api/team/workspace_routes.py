"""Workspaces: made, listed, changed, deleted; their members and invites."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from chatctl_server import errors
from chatctl_server.actions import invites as invite_actions
from chatctl_server.actions import workspaces as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody, storable
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.workspace_bodies import (
    AcceptInvite,
    ChangeWorkspace,
    CreateInvite,
    CreateWorkspace,
    SetRole,
)
from chatctl_server.domain import times
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import accounts, invites, workspaces
from chatctl_server.storage.sql import Database
from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts as account_views
from chatctl_server.views.team import workspaces as views

T = TypeVar("T")
OF_A_WORKSPACE = (errors.NotFound, errors.WorkspaceNotFound)
OF_A_MEMBER = (*OF_A_WORKSPACE, errors.AccountNotFound, errors.LastOwner)
Force = Annotated[bool, means("Also while others are in it", True)]
CodeOrNumber = Annotated[str, means("The invite's code, or its number", "1")]


class TargetWorkspace:
    """The workspace that the path names, and who does something to it: one of its members."""

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        workspace_id: FromPath[account_views.WorkspaceId],
    ) -> None:
        self.number = workspace_id
        self.account = account_of(request.scope)
        self._actor = caller.of(request.scope).actor()
        self._store = context.store

    async def find(self) -> workspaces.Membership:
        """Raises WorkspaceNotFound."""
        return await self._store.read_live(workspaces.find, self.account, self.number)

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        ref = (await self.find()).ref
        return await self._store.write(action, self._actor, ref, *arguments)


Subject = NamedDependency[TargetWorkspace]
SUBJECT = {"subject": Provide(TargetWorkspace, sync_to_thread=False)}


class Workspaces(Controller):
    path = "/api/workspaces"
    tags = ("workspaces",)

    @get("/", summary="List one's workspaces", response_description="The workspaces, by their ids")
    async def list_workspaces(
        self, request: AnyRequest, context: GivenContext
    ) -> list[views.WorkspaceObject]:
        """Those that the caller is in."""
        found = await context.store.read(workspaces.of_account, account_of(request.scope))
        return [views.workspace(each) for each in found]

    @post(
        "/",
        summary="Create a workspace",
        response_description="The new workspace, which is the caller's",
        opt={"refuses": (errors.BadText, errors.NameTaken)},
    )
    async def create_workspace(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[CreateWorkspace]
    ) -> views.WorkspaceObject:
        """It takes members by invite, unless `is_open` is changed."""
        who = caller.of(request.scope)
        arguments = who.actor(), who.account, data.name, data.description or ""
        return views.workspace(await context.store.write(actions.found, *arguments))

    @get(
        "/{workspace_id:int}",
        dependencies=SUBJECT,
        summary="Show a workspace",
        response_description="The workspace",
        opt={"refuses": OF_A_WORKSPACE},
    )
    async def show_workspace(
        self, context: GivenContext, subject: Subject
    ) -> views.WorkspaceObject:
        """For its members: to others it is not there."""
        ref = (await subject.find()).ref
        return views.workspace(await context.store.read_live(workspaces.get, ref.number))

    @put(
        "/{workspace_id:int}",
        dependencies=SUBJECT,
        summary="Change a workspace",
        response_description="The workspace as it is now",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed, errors.BadText, errors.NameTaken)},
    )
    async def change_workspace(
        self, subject: Subject, data: JSONBody[ChangeWorkspace]
    ) -> views.WorkspaceObject:
        """For owners and admins. What is left out stays."""
        arguments = data.name, data.description, data.is_open
        return views.workspace(await subject.run(actions.change, *arguments))

    @delete(
        "/{workspace_id:int}",
        dependencies=SUBJECT,
        summary="Delete a workspace",
        response_description="It is gone, with its chats",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed, errors.Conflict)},
    )
    async def delete_workspace(self, subject: Subject, force: FromQuery[Force] = False) -> None:
        """For owners. While others are in it, 409 unless `force=true`. Workspace 0 stays: 400."""
        while not await subject.run(actions.delete, force):
            pass


class WorkspaceMembers(Controller):
    path = "/api/workspaces/{workspace_id:int}/members"
    tags = ("workspaces",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="List a workspace's members",
        response_description="The members, by their ids",
        opt={"refuses": OF_A_WORKSPACE},
    )
    async def list_workspace_members(
        self, context: GivenContext, subject: Subject
    ) -> list[account_views.User]:
        """With their roles in it."""
        found = await context.store.read(accounts.profiles, (await subject.find()).ref)
        there = context.account_streams
        return [account_views.user(each, there.status(each.account.id)) for each in found]

    @patch(
        "/{user_id:int}",
        summary="Give a member another role",
        response_description="The member as they are now",
        opt={"refuses": (*OF_A_MEMBER, errors.NotAllowed)},
    )
    async def set_member_role(
        self,
        context: GivenContext,
        subject: Subject,
        user_id: FromPath[account_views.UserId],
        data: JSONBody[SetRole],
    ) -> account_views.User:
        """Owners give any role, admins those below their own to those below them. The last owner
        stays one: 400."""
        await subject.run(actions.set_role, storable(user_id), data.role)
        found = await context.store.read_live(accounts.profile, user_id, subject.number)
        return account_views.user(found, context.account_streams.status(user_id))

    @delete(
        "/{user_id:int}",
        summary="Remove a member, or leave",
        response_description="They are not in it any more, nor in its chats",
        opt={"refuses": (*OF_A_MEMBER, errors.NotAllowed)},
    )
    async def remove_member(
        self, subject: Subject, user_id: FromPath[account_views.UserId]
    ) -> None:
        """Anybody may leave; owners remove anybody, admins those below them. Chats that they own
        pass to the oldest admin, else to the oldest member. The last owner stays: 400."""
        await subject.run(actions.remove_member, storable(user_id))


class Invites(Controller):
    path = "/api/workspaces/{workspace_id:int}/invites"
    tags = ("workspaces",)
    dependencies = SUBJECT

    @post(
        "/",
        summary="Invite somebody",
        response_description="The code, which is shown this once, and a link with it",
        request_class=OptionalBody,
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed, errors.BadText)},
    )
    async def create_invite(
        self, context: GivenContext, subject: Subject, data: JSONBody[CreateInvite | None] = None
    ) -> views.MadeInvite:
        """For owners and admins, who give roles as they give them to members. It is good for a
        member, a week and one use, unless the body says otherwise."""
        wanted = data or CreateInvite()
        arguments = wanted.role, wanted.email, wanted.expires_in, wanted.max_uses
        code, invite = await subject.run(invite_actions.create, *arguments)
        return views.made_invite(code, invite, context.settings.public_url or context.address)

    @get(
        "/",
        summary="List the invites that still count",
        response_description="The invites, in the order in which they were made",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed)},
    )
    async def list_invites(
        self, context: GivenContext, subject: Subject
    ) -> list[views.InviteObject]:
        """For owners and admins. Without their codes."""
        found = await context.store.read(_invites, await subject.find(), times.now())
        return [views.invite(each) for each in found]

    @delete(
        "/{code:str}",
        summary="Revoke an invite",
        response_description="It counts no more",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed, errors.CodeNotFound)},
    )
    async def revoke_invite(self, subject: Subject, code: FromPath[CodeOrNumber]) -> None:
        """For owners and admins."""
        await subject.run(invite_actions.revoke, code)


@post(
    "/api/invites/accept",
    status_code=200,
    tags=("workspaces",),
    summary="Accept an invite",
    response_description="The workspace that it leads to",
    opt={"refuses": (errors.CodeNotFound, errors.NotAllowed)},
)
async def accept_invite(
    request: AnyRequest, context: GivenContext, data: JSONBody[AcceptInvite]
) -> views.WorkspaceObject:
    """Who is in the workspace already stays what they are, and uses nothing up."""
    who = caller.of(request.scope)
    accept = invite_actions.accept
    ref = await context.store.write(accept, who.actor(), who.account, data.code)
    return views.workspace(await context.store.read_live(workspaces.get, ref.number))


def _invites(db: Database, asking: workspaces.Membership, now: int) -> list[invites.Invite]:
    managing: tuple[Role, ...] = ("owner", "admin")
    if asking.role not in managing:
        raise errors.NotAllowed("Only an owner or admin of the workspace may do that")
    return invites.open_of(db, asking.ref, now)
