"""Uploaded files on the disk: each under the SHA-256 of its content, whole or not at all.

What is being received has a random name that ends in ``.part``, in the directory of its workspace.
Such a part stays, as a second name of the file, until the file is recorded: what a crash leaves
says by itself what was begun.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from chatctl_server.domain import stored_files
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage import files

P = ParamSpec("P")
T = TypeVar("T")
THREADS = 4
LOCKS = 64
PIECE_BYTES = 256 * 1024


class Incoming:
    """A file that is being received; its owner discards it, whatever becomes of it. ``called``:
    what its sender calls it."""

    def __init__(self, path: Path, workspace: int, called: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb")
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._workspace = workspace
        self.called = called
        self.path = path
        self.size = 0

    @property
    def name(self) -> FileName:
        extension = stored_files.extension_of(self.called)
        return FileName(self._workspace, self._sha256.hexdigest(), extension)

    @property
    def media_type(self) -> str:
        return stored_files.media_type(self._head)

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._sha256.update(piece)
        self.size += len(piece)
        if len(self._head) < stored_files.HEAD_BYTES:
            self._head = (self._head + piece)[: stored_files.HEAD_BYTES]

    def finish(self) -> None:
        """It is on the disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what a full disk did not take
            self._file.close()


class FileStore:
    """Its methods block: they are called through ``run``, and raise OSError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._threads = ThreadPoolExecutor(THREADS, "files")
        self._locks = [asyncio.Lock() for _ in range(LOCKS)]
        self._parts: set[Path] = set()

    async def run(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """In a thread: a slow disk holds up nobody but those who wait for it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*given, **named))

    def close(self) -> None:
        self._threads.shutdown()

    @contextlib.asynccontextmanager
    async def holding(self, *names: FileName) -> AsyncIterator[None]:
        """Where files are recorded, and where one is removed: neither happens amid the other."""
        async with contextlib.AsyncExitStack() as held:
            for number in sorted({int(each.hash[:8], 16) % LOCKS for each in names}):
                await held.enter_async_context(self._locks[number])
            yield

    def path(self, name: FileName) -> Path:
        return self.directory / name.path

    def size(self, name: FileName) -> int | None:
        """None for a file that is not there."""
        try:
            return self.path(name).lstat().st_size
        except FileNotFoundError:
            return None

    def pieces(self, name: FileName, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end``."""
        with self.path(name).open("rb", buffering=0) as file:
            file.seek(start)
            while start < end and (piece := file.read(min(PIECE_BYTES, end - start))):
                start += len(piece)
                yield piece

    def begin(self, workspace: int, called: str) -> Incoming:
        directory = self.directory / str(workspace)
        self._make(directory)
        return Incoming(self._part(directory), workspace, called)

    def _make(self, directory: Path) -> None:
        if directory == self.directory:
            directory.mkdir(0o700, parents=True, exist_ok=True)
        elif not directory.is_dir():
            self._make(directory.parent)
            directory.mkdir(0o700, exist_ok=True)

    def _part(self, directory: Path) -> Path:
        path = directory / f".{secrets.token_hex(16)}.part"
        self._parts.add(path)
        return path

    def publish(self, incoming: Incoming) -> None:
        """Under its name, in the place of what stood there, which had the same content. The part
        stays until it is discarded."""
        target = self.path(incoming.name)
        self._make(target.parent)
        second = self._part(incoming.path.parent)
        try:
            os.link(incoming.path, second)
            second.replace(target)
        except PermissionError:  # what Linux says of a file system without links
            incoming.path.replace(target)
        finally:
            self.discard(second)
        for directory in [*target.parents][:4]:
            files.sync(directory)

    def claim(self, name: FileName) -> Path:
        """A part for a file that is about to be removed."""
        part = self._part(self.directory / str(name.workspace))
        with contextlib.suppress(PermissionError, FileNotFoundError):
            os.link(self.path(name), part)
        return part

    def discard(self, part: Path) -> None:
        part.unlink(missing_ok=True)
        self._parts.discard(part)

    def remove(self, name: FileName) -> None:
        self.path(name).unlink(missing_ok=True)

    def left_parts(self) -> list[Path]:
        """Of uploads that were cut off by a crash."""
        places = self.directory.glob("[0-9]*/.*.part")
        return [each for each in places if each not in self._parts]

    def published(self, part: Path) -> list[FileName]:
        """The names that it has besides, when it is a part of a whole file."""
        if part.lstat().st_nlink == 1:
            return []
        hash_ = sha256(part)
        sought = FileName(int(part.parent.name), hash_, "*")
        found = self.path(sought).parent.glob(f"{hash_[6:]}.*")
        return [sought._replace(extension=each.suffix[1:]) for each in found if each.samefile(part)]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
