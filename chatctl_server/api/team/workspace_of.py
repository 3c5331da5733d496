"""Which of the caller's workspaces a request means."""

from typing import Annotated

from litestar.params import HeaderParameter

from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team.face import account_of
from chatctl_server.storage import history_pages, workspaces
from chatctl_server.views.fields import means

Asked = Annotated[
    int | None,
    HeaderParameter(name="X-Workspace-Id", ge=0, le=history_pages.LATEST),
    means("Which of the caller's workspaces is meant; the home workspace without it", 0),
]


class AskedWorkspace:
    """Of lists, creation, upload and search: the one that the header names, or the home."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, workspace_id: Asked = None
    ) -> None:
        self.account = account_of(request.scope)
        self._number = workspace_id
        self._store = context.store

    async def find(self) -> workspaces.Membership:
        """Raises WorkspaceNotFound, or NoWorkspace."""
        return await self._store.read_live(workspaces.asked, self.account, self._number)
