"""Pages, and the scripts that pages of other sites load."""

from typing import Any

from chatctl_server.api.authentication import Credentials
from chatctl_server.api.faces import Face, lazily

PAGES: Face[Any] = Face(
    "pages",
    credentials=Credentials(lambda _: (), "Nothing opens it"),  # it has no guarded routes
    unguarded=lazily(__package__, "files:web_file"),
)
