"""A stored file as an answer to GET: whole, a part of it, or that it is as the caller knows it."""

import re
from collections.abc import AsyncIterator
from typing import Any

from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from chatctl_server import errors
from chatctl_server.api import problems
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.domain import byte_ranges, stored_files
from chatctl_server.storage.file_store import FileStore
from chatctl_server.storage.stored_files import StoredFile

ANSWERS = {
    200: ResponseSpec(
        bytes,
        generate_examples=False,
        description="The file, with its `ETag`",
        media_type="application/octet-stream",
    ),
    206: ResponseSpec(
        bytes,
        generate_examples=False,
        description="The bytes that `Range` asks for",
        media_type="application/octet-stream",
    ),
    304: ResponseSpec(None, generate_examples=False, description="`If-None-Match` names it"),
}
_TAG = re.compile(r'(?:W/)?("[^"]*")')


async def answer(request: AnyRequest, disk: FileStore, file: StoredFile) -> Response[Any]:
    """Whatever is in it, a browser executes nothing of it (``_headers``). Raises StorageUnavailable
    where it is not as it was stored."""
    if await disk.run(disk.size, file.name) != file.size:
        raise errors.StorageUnavailable("The file is missing or damaged")
    tag = f'"{file.name.hash}"'
    headers = _headers(file, tag)
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or tag in _TAG.findall(known):
        return Response(b"", status_code=304, headers=headers)
    try:
        span = _span(request, tag, file.size)
    except errors.RangeNotSatisfiable as refusal:
        refused = problems.response(request, refusal)
        refused.headers["content-range"] = f"bytes */{file.size}"
        return refused
    start, end = span or (0, file.size)
    headers["content-length"] = str(end - start)
    if span is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.size}"
    return Stream(
        _pieces(disk, file, start, end),
        status_code=200 if span is None else 206,
        headers=headers,
        media_type=file.media_type,
    )


def _headers(file: StoredFile, tag: str) -> dict[str, str]:
    """A file is asked for anew each time: whoever has left the workspace is not shown it."""
    shown = {} if stored_files.is_shown(file.media_type) else {"content-disposition": "attachment"}
    return {
        "etag": tag,
        "cache-control": "private, no-cache",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
        **shown,
    }


def _span(request: AnyRequest, tag: str, size: int) -> tuple[int, int] | None:
    given = request.headers.get("range")
    if given is None or request.headers.get("if-range", tag) != tag:
        return None
    return byte_ranges.asked(given, size)


async def _pieces(disk: FileStore, file: StoredFile, start: int, end: int) -> AsyncIterator[bytes]:
    found = disk.pieces(file.name, start, end)
    while piece := await disk.run(next, found, b""):
        yield piece
