"""Whose data an operator asks for: of every workspace, or of the one that a named key is for."""

from litestar.di import NamedDependency, Provide

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.authentication import KEY_PART
from chatctl_server.api.parameters import AnyRequest, storable

ADMIN_KEY = {KEY_PART: None}  # ``opt`` of what no named key opens
_NOBODY = -1  # the number of no workspace


def _workspace(request: AnyRequest) -> int | None:
    grant = caller.of(request.scope).grant
    if grant is None:
        return None
    return _NOBODY if grant.workspace is None else grant.workspace


Reach = NamedDependency[int | None]
REACH = {"reach": Provide(_workspace, sync_to_thread=False)}


def narrowed(reach: int | None, wanted: int | None) -> int | None:
    """The workspace that is asked for, where the caller reaches it. Raises WorkspaceNotFound."""
    wanted = None if wanted is None else storable(wanted)
    if reach is None or wanted in (None, reach):
        return wanted if reach is None else reach
    raise errors.WorkspaceNotFound(f"There is no workspace {wanted}", field="workspace")
