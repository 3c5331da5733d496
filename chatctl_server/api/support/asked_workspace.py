"""The header that says of which workspace something is meant."""

from typing import Annotated

from litestar.params import HeaderParameter

from chatctl_server.storage import history_pages
from chatctl_server.views.fields import means

AskedWorkspaceId = Annotated[
    int | None,
    HeaderParameter(name="X-Workspace-Id", ge=0, le=history_pages.LATEST),
    means("Of which workspace; the only one that it can be unless given", 0),
]
