"""Workspaces: made, listed, changed, deleted; their members and invites."""

from typing import Annotated

from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from chatctl_server import errors
from chatctl_server.actions import invites as invite_actions
from chatctl_server.actions import workspaces as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.target_workspace import TargetWorkspace
from chatctl_server.api.team.workspace_bodies import (
    AcceptInvite,
    ChangeWorkspace,
    CodeOrNumber,
    CreateInvite,
    CreateWorkspace,
    SetRole,
)
from chatctl_server.storage import workspaces
from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts as account_views
from chatctl_server.views.team import workspaces as views

OF_A_WORKSPACE = (errors.NotFound, errors.WorkspaceNotFound)
OF_A_MEMBER = (*OF_A_WORKSPACE, errors.AccountNotFound, errors.LastOwner)
Force = Annotated[bool, means("Also while others are in it", True)]


class OwnWorkspace(TargetWorkspace):
    """For one of its members."""

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        workspace_id: FromPath[account_views.WorkspaceId],
    ) -> None:
        account, actor = account_of(request.scope), caller.of(request.scope).actor()
        super().__init__(context, actor, lambda db: workspaces.find(db, account, workspace_id).ref)


Subject = NamedDependency[TargetWorkspace]
SUBJECT = {"subject": Provide(OwnWorkspace, sync_to_thread=False)}


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
    async def show_workspace(self, subject: Subject) -> views.WorkspaceObject:
        """For its members: to others it is not there."""
        return await subject.show()

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
        return await subject.change(data)

    @delete(
        "/{workspace_id:int}",
        dependencies=SUBJECT,
        summary="Delete a workspace",
        response_description="It is gone, with its chats",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed, errors.Conflict)},
    )
    async def delete_workspace(self, subject: Subject, force: FromQuery[Force] = False) -> None:
        """For owners. While others are in it, 409 unless `force=true`. Workspace 0 stays: 400."""
        await subject.delete(force)


class WorkspaceMembers(Controller):
    """Also operators', who may do what owners may."""

    path = "/api/workspaces/{workspace_id:int}/members"
    tags = ("workspaces",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="List a workspace's members",
        response_description="The members, by their ids",
        opt={"refuses": OF_A_WORKSPACE},
    )
    async def list_workspace_members(self, subject: Subject) -> list[account_views.User]:
        """With their roles in it."""
        return await subject.members()

    @patch(
        "/{user_id:int}",
        summary="Give a member another role",
        response_description="The member as they are now",
        opt={"refuses": (*OF_A_MEMBER, errors.NotAllowed)},
    )
    async def set_member_role(
        self, subject: Subject, user_id: FromPath[account_views.UserId], data: JSONBody[SetRole]
    ) -> account_views.User:
        """Owners and operators give any role, admins those below their own to those below them. The
        last owner stays one: 400."""
        return await subject.set_role(user_id, data.role)

    @delete(
        "/{user_id:int}",
        summary="Remove a member, or leave",
        response_description="They are not in it any more, nor in its chats",
        opt={"refuses": (*OF_A_MEMBER, errors.NotAllowed)},
    )
    async def remove_member(
        self, subject: Subject, user_id: FromPath[account_views.UserId]
    ) -> None:
        """Anybody may leave; owners and operators remove anybody, admins those below them. Chats
        that they own pass to the oldest admin, else to the oldest member. The last owner stays:
        400."""
        await subject.remove(user_id)


class Invites(Controller):
    """Also operators', who may do what owners may."""

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
        self, subject: Subject, data: JSONBody[CreateInvite | None] = None
    ) -> views.MadeInvite:
        """For owners, admins and operators, who give roles as they give them to members. It is good
        for a member, a week and one use, unless the body says otherwise."""
        return await subject.invite(data)

    @get(
        "/",
        summary="List the invites that still count",
        response_description="The invites, in the order in which they were made",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed)},
    )
    async def list_invites(self, subject: Subject) -> list[views.InviteObject]:
        """For owners, admins and operators. Without their codes."""
        return await subject.invites()

    @delete(
        "/{code:str}",
        summary="Revoke an invite",
        response_description="It counts no more",
        opt={"refuses": (*OF_A_WORKSPACE, errors.NotAllowed, errors.CodeNotFound)},
    )
    async def revoke_invite(self, subject: Subject, code: FromPath[CodeOrNumber]) -> None:
        """For owners, admins and operators."""
        await subject.revoke(code)


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
