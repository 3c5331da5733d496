"""The files in ``web/``, to everybody. There are few: all are read once, and a path that is none
of theirs leads nowhere."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from litestar import Response, get
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.api.compression import Coding, coding_of, compressed
from chatctl_server.api.parameters import AnyRequest

WEB: Final = Path(__file__).parents[2] / "web"
TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
OF_ALL: Final = {
    "cache-control": "no-cache",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}
OF_PARTS: Final = {"access-control-allow-origin": "*"}  # whatever CORS_ORIGINS says
OF_PAGES: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
}
CODINGS: Final[tuple[Coding | None, ...]] = (None, "br", "gzip")
_TAG = re.compile(r'"[^"]*"')
Headers = dict[str, str]


class WebFile(NamedTuple):
    media_type: str
    tag: str
    headers: Headers
    bodies: Mapping[Coding | None, tuple[bytes, Headers]]


@cache
def _files() -> dict[str, WebFile]:
    """By their paths."""
    found = (each for each in sorted(WEB.rglob("*")) if each.suffix in TYPES)
    return {f"/{each.relative_to(WEB).as_posix()}": _read(each) for each in found}


def _read(file: Path) -> WebFile:
    body = file.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    own = OF_PAGES if file.suffix == ".html" else OF_PARTS
    # Weak: however it is compressed, it is the same.
    headers = {**OF_ALL, **own, "etag": f"W/{tag}"}
    bodies = {coding: compressed(body, coding) for coding in CODINGS}
    return WebFile(TYPES[file.suffix], tag, headers, bodies)


@get(["/static/{path:path}", "/embed/{path:path}"], include_in_schema=False)
async def web_file(request: AnyRequest, path: FromPath[Path]) -> Response[bytes]:
    asked = request.scope["path"]
    found = _files().get(asked)
    if found is None:
        raise errors.NotFound(f"There is nothing at {asked}")
    body, more = found.bodies[coding_of(request.headers.get("accept-encoding", ""))]
    headers = {**found.headers, **more}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or found.tag in _TAG.findall(known):
        headers.pop("content-encoding", None)
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type=found.media_type, headers=headers)
