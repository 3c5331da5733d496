"""Workspaces, their members and invites, as an operator manages them."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import managed_workspaces
from chatctl_server.actions import workspaces as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import SUFFIX, AnyRequest, Limit, page
from chatctl_server.api.reach import ADMIN_KEY, REACH, Reach, within
from chatctl_server.api.team.target_workspace import TargetWorkspace
from chatctl_server.api.team.workspace_bodies import (
    ChangeWorkspace,
    CreateWorkspace,
)
from chatctl_server.api.team.workspace_routes import Invites, WorkspaceMembers
from chatctl_server.storage import workspaces
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts as account_views
from chatctl_server.views.team import workspaces as views

NOT_THERE = (errors.NotFound, errors.WorkspaceNotFound)
OF_A_MEMBER = (*NOT_THERE, errors.AccountNotFound)
After = Annotated[
    int,
    QueryParameter(name="after", ge=-1, le=LATEST),
    means("Only those with a number above it", 0),
]
Force = Annotated[bool, means("Also while somebody is in it", True)]


class MakeWorkspace(CreateWorkspace, frozen=True):
    is_open: views.IsOpen = False
    owner: (
        Annotated[int, means("The user who owns it; null: nobody does yet", 1, ge=1, le=LATEST)]
        | None
    ) = None


class AddMember(msgspec.Struct, frozen=True):
    user_id: Annotated[int, means("The user's number", 1, ge=1, le=LATEST)]
    role: account_views.RoleName = "member"


class AnyWorkspace(TargetWorkspace):
    """Where the caller reaches it."""

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        reach: Reach,
        workspace_id: FromPath[account_views.WorkspaceId],
    ) -> None:
        number = within(reach, workspace_id)
        actor = caller.of(request.scope).actor()
        super().__init__(context, actor, lambda db: workspaces.get(db, number).ref)


Subject = NamedDependency[AnyWorkspace]
AS_OPERATOR = {SUFFIX: "as_operator"}  # of what members have, too
SUBJECT = {**REACH, "subject": Provide(AnyWorkspace, sync_to_thread=False)}


class AllWorkspaces(Controller):
    path = "/management/workspaces"
    tags = ("team-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="List all workspaces",
        response_description="The workspaces, by number; the header `Link` has the next page",
    )
    async def list_all_workspaces(
        self, context: GivenContext, reach: Reach, after: After = -1, limit: Limit = 100
    ) -> Response[list[views.WorkspaceObject]]:
        """A named key sees its own."""
        found = await context.store.read(workspaces.page, reach, after, limit + 1)
        shown = [views.workspace(each) for each in found]
        return page(shown, limit, "/management/workspaces")

    @post(
        "/",
        summary="Make a workspace",
        response_description="The new workspace",
        opt={
            **ADMIN_KEY,
            "refuses": (errors.BadText, errors.NameTaken, errors.AccountNotFound),
        },
    )
    async def make_workspace(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[MakeWorkspace]
    ) -> views.WorkspaceObject:
        """Of the user that is named, or of nobody until a member is made its owner."""
        actor = caller.of(request.scope).actor()
        arguments = data.name, data.description or "", data.is_open, data.owner
        made = await context.store.write(managed_workspaces.create, actor, *arguments)
        return views.workspace(made)

    @get(
        "/{workspace_id:int}",
        summary="Show any workspace",
        response_description="The workspace",
        opt={"refuses": NOT_THERE},
    )
    async def show_any_workspace(self, subject: Subject) -> views.WorkspaceObject:
        """By its number."""
        return await subject.show()

    @patch(
        "/{workspace_id:int}",
        summary="Change any workspace",
        response_description="The workspace as it is now",
        opt={"refuses": (*NOT_THERE, errors.BadText, errors.NameTaken)},
    )
    async def change_any_workspace(
        self, subject: Subject, data: JSONBody[ChangeWorkspace]
    ) -> views.WorkspaceObject:
        """What is left out stays."""
        return await subject.change(data)

    @delete(
        "/{workspace_id:int}",
        summary="Delete any workspace",
        response_description="It is gone, with its chats",
        opt={**ADMIN_KEY, "refuses": (*NOT_THERE, errors.Conflict)},
    )
    async def delete_any_workspace(self, subject: Subject, force: FromQuery[Force] = False) -> None:
        """While anybody is in it, 409 unless `force=true`. Workspace 0 stays: 400."""
        await subject.delete(force)


class MembersOfWorkspace(WorkspaceMembers):
    path = "/management/workspaces/{workspace_id:int}/members"
    tags = ("team-operator",)
    dependencies = SUBJECT
    opt = AS_OPERATOR

    @post(
        "/",
        summary="Put somebody into any workspace",
        response_description="The member as they are now",
        opt={**ADMIN_KEY, "refuses": OF_A_MEMBER},
    )
    async def add_member_to_workspace(
        self, subject: Subject, data: JSONBody[AddMember]
    ) -> account_views.User:
        """Without an invite. Who is in it keeps their role."""
        await subject.run(actions.add_member, data.user_id, data.role)
        return await subject.member(data.user_id)


class InvitesOfWorkspace(Invites):
    path = "/management/workspaces/{workspace_id:int}/invites"
    tags = ("team-operator",)
    dependencies = SUBJECT
    opt = AS_OPERATOR
