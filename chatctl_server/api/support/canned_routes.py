"""Canned responses, which the agents of a workspace share."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import canned_responses as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, storable
from chatctl_server.api.support import people
from chatctl_server.api.support.asked_workspace import AskedWorkspaceId
from chatctl_server.domain.events import Actor
from chatctl_server.domain.support import Person
from chatctl_server.storage import canned_responses
from chatctl_server.storage.canned_responses import CannedResponse
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.fields import means
from chatctl_server.views.support import canned_responses as views
from chatctl_server.views.support.canned_responses import CannedResponseObject

OF_A_WORKSPACE: dict[str, Any] = {
    "refuses": (errors.NotAllowed, errors.WorkspaceNotFound),
    "never": (errors.NoWorkspace,),
}


class AddCannedResponse(msgspec.Struct, frozen=True):
    title: views.Title
    content: views.Content
    workspace_id: (
        Annotated[int, means("As `X-Workspace-Id`, before which it counts", 0, ge=0, le=LATEST)]
        | None
    ) = None


class CannedResponses(Controller):
    path = "/api/canned-responses"
    tags = ("desk",)

    @get(
        "/",
        summary="List canned responses",
        response_description="The canned responses, by their titles",
        opt=OF_A_WORKSPACE,
    )
    async def list_canned_responses(
        self, request: AnyRequest, context: GivenContext, workspace_id: AskedWorkspaceId = None
    ) -> list[CannedResponseObject]:
        """For agents: of the workspace that `X-Workspace-Id` names, else of the only one whose
        agent the caller is."""
        who = await people.person(context, request.scope)
        found = await context.store.read(_all, who, workspace_id)
        return [views.canned_response(each) for each in found]

    @post(
        "/",
        summary="Add a canned response",
        response_description="The new canned response",
        opt={
            **OF_A_WORKSPACE,
            "refuses": (*OF_A_WORKSPACE["refuses"], errors.BadText, errors.Conflict),
        },
    )
    async def add_canned_response(
        self,
        request: AnyRequest,
        context: GivenContext,
        data: JSONBody[AddCannedResponse],
        workspace_id: AskedWorkspaceId = None,
    ) -> CannedResponseObject:
        """For agents. A workspace has at most 1,000."""
        who = await people.person(context, request.scope)
        workspace = workspace_id if data.workspace_id is None else data.workspace_id
        asked = caller.of(request.scope).actor(), who, workspace, data
        return views.canned_response(await context.store.write(_add, *asked))

    @delete(
        "/{canned_id:int}",
        summary="Remove a canned response",
        response_description="It is gone",
        opt={
            "refuses": (errors.NotAllowed, errors.NotFound, errors.CannedResponseNotFound),
        },
    )
    async def remove_canned_response(
        self, request: AnyRequest, context: GivenContext, canned_id: FromPath[views.CannedId]
    ) -> None:
        """For agents of its workspace. What was sent with it stays."""
        who = await people.person(context, request.scope)
        actor = caller.of(request.scope).actor()
        await context.store.write(_remove, actor, who, storable(canned_id))


def _all(db: Database, who: Person, workspace: int | None) -> list[CannedResponse]:
    return canned_responses.of_workspace(db, people.workspace(db, who, workspace))


def _add(
    tx: Tx, actor: Actor, who: Person, workspace: int | None, data: AddCannedResponse
) -> CannedResponse:
    ref = people.workspace(tx.db, who, workspace)
    return actions.add(tx, actor, ref, data.title, data.content)


def _remove(tx: Tx, actor: Actor, who: Person, number: int) -> None:
    people.check_agent(who)
    ref = canned_responses.find(tx.db, who.roles, number)
    actions.remove(tx, actor, ref, number)
