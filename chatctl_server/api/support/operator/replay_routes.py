"""Replay for operators: the envelopes of every site."""

from typing import Any

from litestar import Response, get

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.reach import REACH, OnlyWorkspace, Reach, narrowed
from chatctl_server.api.support.operator import people
from chatctl_server.api.support.replay_routes import ANSWER, ASKED, PAGE, Asked, replayed


@get(
    "/management/events/replay",
    tags=("desk-operator",),
    summary="Events of all sites after an event",
    response_description=ANSWER,
    responses=PAGE,
    dependencies={**ASKED, **REACH},
    opt={"refuses": (errors.WorkspaceNotFound,)},
)
async def replay_all_events(
    request: AnyRequest,
    context: GivenContext,
    reach: Reach,
    asked: Asked,
    workspace: OnlyWorkspace = None,
) -> Response[Any]:
    """Envelopes as agents get them, private notes too; of every workspace, or of one."""
    only = narrowed(reach, workspace)
    who = await people.person(context, caller.of(request.scope), only)
    return await replayed(request, context, who, asked)
