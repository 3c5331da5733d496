"""Which pages of other sites may use the server, and how (Fetch standard, CORS protocol)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

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
# How the paths begin that the widget asks for, from the pages of any site.
_FOR_VISITORS = (
    "/api/conversations/",
    "/api/events/replay/",
    "/api/visitors/",
    "/embed/",
    "/files/c/",
)


class Origins(NamedTuple):
    """``listed``: CORS_ORIGINS; ``of_sites``: whether any site of the desk allows one."""

    listed: Sequence[str]
    of_sites: Callable[[str], bool]

    def ask_sites(self, path: str) -> bool:
        """Whether it may be a page of a site there that is not listed."""
        return "*" not in self.listed and f"{path}/".startswith(_FOR_VISITORS)

    def allow(self, origin: str, path: str) -> bool:
        is_listed = "*" in self.listed or origin in self.listed
        return is_listed or (self.ask_sites(path) and self.of_sites(origin))


def _no_site(_: str) -> bool:
    return False


@dataclass
class _WithSites(CORSConfig):
    of_sites: Callable[[str], bool] = _no_site

    def is_origin_allowed(self, origin: str) -> bool:
        return super().is_origin_allowed(origin) or self.of_sites(origin)


def config(origins: Origins, *, ask_sites: bool) -> CORSConfig:
    return _WithSites(
        allow_origins=list(origins.listed),
        allow_credentials=False,
        allow_headers=list(REQUEST_HEADERS),
        max_age=600,
        expose_headers=EXPOSED,
        of_sites=origins.of_sites if ask_sites else _no_site,
    )


def check_origin(scope: Scope, origins: Sequence[str]) -> None:
    """Of a WebSocket, which browsers open for the pages of any site. Raises Forbidden."""
    origin = caller.header(scope, b"origin")
    if origin is None or "*" in origins or origin.decode("latin-1") in origins:
        return
    raise errors.Forbidden("This Origin is not one of CORS_ORIGINS")


def is_own(scope: Scope, public_url: str | None) -> bool:
    """Whether no page asks, or one of this server's."""
    origin = caller.header(scope, b"origin")
    if origin is None:
        return True
    hosts = {caller.header(scope, b"host") or b""}
    if public_url is not None:
        hosts.add(urlsplit(public_url).netloc.encode())
    return origin.partition(b"://")[2] in hosts - {b""}


def of_refusal(scope: Scope, origins: Origins) -> list[tuple[bytes, bytes]]:
    """Headers of what is refused outside of the framework: the page is to see why."""
    origin = caller.header(scope, b"origin")
    if origin is None or not origins.allow(origin.decode("latin-1"), scope["path"]):
        return []
    return [
        (b"access-control-allow-origin", b"*" if "*" in origins.listed else origin),
        (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
        (b"vary", b"Origin"),
    ]
