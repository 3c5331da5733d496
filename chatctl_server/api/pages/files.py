"""The files in ``web/``, to everybody. There are few: all are read once, and a path that is none
of theirs leads nowhere."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from litestar import Response, get
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.api.parameters import AnyRequest

WEB: Final = Path(__file__).parents[2] / "web"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
OF_ALL: Final = {
    "cache-control": "no-cache",
    "cross-origin-resource-policy": "cross-origin",
    "vary": "Accept-Encoding",
    "x-content-type-options": "nosniff",
}
OF_SCRIPTS: Final = {"access-control-allow-origin": "*"}  # whatever CORS_ORIGINS says
OF_PAGES: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
}
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")
_TAG = re.compile(r'"[^"]*"')


class WebFile(NamedTuple):
    media_type: str
    tag: str
    body: bytes
    compressed: bytes
    headers: dict[str, str]


@cache
def _files() -> dict[str, WebFile]:
    """By their paths."""
    found = (each for each in sorted(WEB.rglob("*")) if each.suffix in TYPES)
    return {f"/{each.relative_to(WEB).as_posix()}": _read(each) for each in found}


def _read(file: Path) -> WebFile:
    body = file.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    own = {".html": OF_PAGES, ".js": OF_SCRIPTS}.get(file.suffix, {})
    # Weak: with and without compression it is the same.
    headers = {**OF_ALL, **own, "etag": f"W/{tag}"}
    return WebFile(TYPES[file.suffix], tag, body, gzip.compress(body, mtime=0), headers)


@get(["/static/{path:path}", "/embed/{path:path}"], include_in_schema=False)
async def web_file(request: AnyRequest, path: FromPath[Path]) -> Response[bytes]:
    asked = request.scope["path"]
    found = _files().get(asked)
    if found is None:
        raise errors.NotFound(f"There is nothing at {asked}")
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or found.tag in _TAG.findall(known):
        return Response(b"", status_code=304, headers=found.headers)
    if not _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(found.body, media_type=found.media_type, headers=found.headers)
    headers = {**found.headers, "content-encoding": "gzip"}
    return Response(found.compressed, media_type=found.media_type, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    return "gzip" in accepted and _NO_GZIP.search(accepted) is None
