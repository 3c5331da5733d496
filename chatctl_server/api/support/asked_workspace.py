"""The header that says of which workspace something is meant."""

from typing import Annotated

from litestar.params import HeaderParameter

from chatctl_server.storage import history_pages
from chatctl_server.views.fields import means

ASKED_BY = "X-Workspace-Id"
AskedWorkspaceId = Annotated[
    int | None,
    HeaderParameter(name=ASKED_BY, ge=0, le=history_pages.LATEST),
    means("Of which workspace; the only one that it can be unless given", 0),
]
