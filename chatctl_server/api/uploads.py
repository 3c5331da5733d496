"""A multipart body (RFC 7578), whose files go to the disk as they come."""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import Context
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.live.extensions import LINE
from chatctl_server.storage import stored_files
from chatctl_server.storage.file_store import FileStore, Incoming
from chatctl_server.storage.stored_files import StoredFile

logger = logging.getLogger("chatctl.api")
MAX_PARTS = 100
FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
            },
            "example": {"file": "hello.txt"},
        }
    },
}


@contextlib.asynccontextmanager
async def receiving(
    request: AnyRequest, context: Context, workspace: int, most_bytes: int | None = None
) -> AsyncIterator[Sequence[Incoming]]:
    """The files of the body, in their order; they are discarded at the end. ``most_bytes``: of all
    of them together.

    Raises InvalidInput for what is no such body, TooLarge, StorageFull, StorageUnavailable, and
    Busy above 16 at once of an account, or of whoever else it is, or 128 in all. What is broken off
    in any other way is left to the next start.
    """
    who = caller.of(request.scope)
    with context.limits.uploads.taken((who.credential, who.user_id)):
        async with _received(request, context, workspace, most_bytes) as files:
            yield files


@contextlib.asynccontextmanager
async def _received(
    request: AnyRequest, context: Context, workspace: int, most_bytes: int | None
) -> AsyncIterator[Sequence[Incoming]]:
    disk = context.files
    parts = _Parts(request, disk, workspace, context.settings.max_upload_bytes, most_bytes)
    try:
        await _receive(request, disk, parts)
        yield parts.files
    except OSError as error:
        await disk.run(parts.discard)
        raise _unwritten(error) from error
    except Exception:
        await disk.run(parts.discard)
        raise
    await disk.run(parts.discard)


async def _receive(request: AnyRequest, disk: FileStore, parts: "_Parts") -> None:
    extensions: Mapping[str, Any] = request.scope.get("extensions") or {}
    line = extensions[LINE]() if LINE in extensions else None
    if line is not None:
        line.expect_much()
    try:
        async for chunk in request.stream():
            if chunk:
                await disk.run(parts.feed, chunk)
        await disk.run(parts.finish)
    except MultipartError as error:
        raise errors.InvalidInput(
            f"The body is no readable multipart/form-data: {error}", field="body"
        ) from error


def _unwritten(error: OSError) -> errors.ChatctlError:
    """Where files are is nobody's business but the operator's."""
    logger.error("an upload could not be written: %s", error)
    if error.errno in errors.NO_ROOM:
        return errors.StorageFull("There is no room to store the file")
    return errors.StorageUnavailable("The file cannot be stored")


class _Parts:
    """What the parser finds; it works in a thread."""

    def __init__(
        self,
        request: AnyRequest,
        disk: FileStore,
        workspace: int,
        max_bytes: int,
        most_bytes: int | None,
    ) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise errors.InvalidInput(
                "The body must be multipart/form-data, with its boundary in Content-Type",
                field="Content-Type",
            )
        # Of the headers nothing counts but ASCII, and any byte is Latin-1.
        self._parser = PushMultipartParser(
            options["boundary"], max_segment_count=MAX_PARTS, header_charset="latin-1"
        )
        self._disk = disk
        self._workspace = workspace
        self._max_bytes = max_bytes
        self._most_bytes = max_bytes * MAX_PARTS if most_bytes is None else most_bytes
        self._segment: MultipartSegment | None = None
        self._open: Incoming | None = None
        self.files: list[Incoming] = []

    def feed(self, chunk: bytes) -> None:
        for event in self._parser.parse(chunk):
            if isinstance(event, MultipartSegment):
                self._segment = event
            elif event is None:
                self._end()
            else:
                self._write(bytes(event))

    def finish(self) -> None:
        self._parser.close()
        if not self.files:
            raise errors.InvalidInput(
                "The body has no file: send a part that has a filename, and is not empty",
                field="body",
            )

    def discard(self) -> None:
        for each in self.files:
            each.close()
            self._disk.discard(each.path)

    def _write(self, piece: bytes) -> None:
        assert self._segment is not None
        if self._segment.bytes_received > self._max_bytes:
            raise errors.TooLarge(
                f"A file may have at most {self._max_bytes} bytes (MAX_UPLOAD_BYTES)", field="body"
            )
        if self._segment.filename is None:
            return
        if self._open is None:
            self._open = self._disk.begin(self._workspace, self._segment.filename)
            self.files.append(self._open)
        self._open.write(piece)
        if (
            self._most_bytes is not None
            and sum(each.size for each in self.files) > self._most_bytes
        ):
            raise errors.TooLarge(
                f"These files may have {self._most_bytes} bytes together", field="body"
            )

    def _end(self) -> None:
        if self._open is not None:
            self._open.finish()
        self._open = self._segment = None


async def keep(
    context: Context,
    scope: int,
    received: Sequence[Incoming],
    record: Callable[[Sequence[StoredFile]], Awaitable[object]],
) -> None:
    """All of them, or none; ``record`` writes that they are there. Raises OSError, and what
    ``record`` raises."""
    disk, store = context.files, context.store
    found = {
        each.name: StoredFile(each.name, scope, each.media_type, each.size) for each in received
    }
    async with disk.holding(*found):
        try:
            for each in received:
                await disk.run(disk.publish, each)
            await record([*found.values()])
        except Exception:
            for name in found:
                if not await store.read(stored_files.is_stored, name):
                    await disk.run(disk.remove, name)
            raise
    context.metrics.upload_bytes.inc(sum(each.size for each in received))
