"""Which pages of other sites may use the server, and how (Fetch standard, CORS protocol)."""

from collections.abc import Sequence

from litestar.config.cors import CORSConfig

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.caller import Scope

REQUEST_HEADERS = [
    "Authorization",
    "Content-Type",
    "X-Api-Key",
    "X-Workspace-Id",
    "X-Request-Id",
    "X-Site-Key",
    "X-Visitor-Token",
    "X-CSRF-Token",
    "Last-Event-ID",
]
EXPOSED = ["ETag", "Link", "Retry-After", "X-Request-Id"]


def config(origins: Sequence[str]) -> CORSConfig:
    return CORSConfig(
        allow_origins=list(origins),
        allow_credentials=False,
        allow_headers=list(REQUEST_HEADERS),
        max_age=600,
        expose_headers=EXPOSED,
    )


def check_origin(scope: Scope, origins: Sequence[str]) -> None:
    """Of a WebSocket, which browsers open for the pages of any site. Raises Forbidden."""
    origin = caller.header(scope, b"origin")
    if origin is None or "*" in origins or origin.decode("latin-1") in origins:
        return
    raise errors.Forbidden("This Origin is not one of CORS_ORIGINS")


def of_refusal(scope: Scope, origins: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Headers of what is refused outside of the framework: the page is to see why."""
    origin = caller.header(scope, b"origin")
    if origin is None or not ("*" in origins or origin.decode("latin-1") in origins):
        return []
    return [
        (b"access-control-allow-origin", b"*" if "*" in origins else origin),
        (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
        (b"vary", b"Origin"),
    ]
