"""Whose data an operator asks for: of every workspace, or of the one that a named key is for."""

from typing import Annotated

from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.authentication import KEY_PART
from chatctl_server.api.parameters import AnyRequest, storable
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.views.fields import means

ADMIN_KEY = {KEY_PART: None}  # ``opt`` of what no named key opens
_NOBODY = -1  # the number of no workspace


def _workspace(request: AnyRequest) -> int | None:
    grant = caller.of(request.scope).grant
    if grant is None:
        return None
    return _NOBODY if grant.workspace is None else grant.workspace


OnlyWorkspace = FromQuery[Annotated[int | None, means("Only of this one: its number", 0)]]
OnlyUser = FromQuery[Annotated[int | None, means("Only of this user, by number", 1)]]
After = Annotated[
    int, QueryParameter(name="after", ge=0, le=LATEST), means("Only those with an id above it", 0)
]
Reach = NamedDependency[int | None]
REACH = {"reach": Provide(_workspace, sync_to_thread=False)}


def narrowed(reach: int | None, wanted: int | None) -> int | None:
    """The workspace that is asked for, if any, else the caller's only one. Raises
    WorkspaceNotFound."""
    return reach if wanted is None else within(reach, wanted)


def within(reach: int | None, number: int) -> int:
    """Where the caller reaches it. Raises WorkspaceNotFound."""
    number = storable(number)
    if reach not in (None, number):
        raise errors.WorkspaceNotFound(f"There is no workspace {number}", field="workspace")
    return number
