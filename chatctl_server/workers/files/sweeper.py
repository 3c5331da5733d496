"""The clock that removes uploaded files which nothing refers to, and what a crash left of uploads;
and the check of a workspace's files that its owner asks for."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

from chatctl_server import errors
from chatctl_server.actions import stored_files as actions
from chatctl_server.domain import events, times
from chatctl_server.domain.stored_files import Checked, FileName
from chatctl_server.storage import file_store, stored_files
from chatctl_server.storage.file_store import FileStore
from chatctl_server.storage.store import Store
from chatctl_server.storage.stored_files import StoredFile
from chatctl_server.workers.clock import every, insist

logger = logging.getLogger("chatctl.server")
INTERVAL_SECONDS = 3600.0
KEPT = 24 * 3600 * times.SECOND  # without anything that refers to it


class Sweeper:
    """One check at a time: each reads all files of a workspace."""

    def __init__(self, store: Store, disk: FileStore) -> None:
        self._store = store
        self._disk = disk
        self._checking = asyncio.Lock()

    async def run(self) -> None:
        await every(INTERVAL_SECONDS, lambda: insist("removing unused files", self.sweep))

    async def sweep(self) -> None:
        """Raises errors of the database, StorageUnavailable, StorageFull."""
        with self._failures():
            for part in await self._disk.run(self._disk.left_parts):
                await self._remove_left(part)
            await self._remove_unused(events.SERVER, None)

    async def check(self, actor: events.Actor, workspace: int) -> Checked:
        """Compares each of the workspace's files with its name, and removes those that nothing
        refers to. A file that differs stays as it is: nobody knows what it was."""
        scanned = damaged = 0
        async with self._checking:
            with self._failures():
                removed = await self._remove_unused(actor, workspace)
                async for each in self._each(workspace, stored_files.after):
                    scanned += 1
                    damaged += not await self._is_whole(each)
        return Checked(scanned + removed, removed, damaged)

    async def _remove_left(self, part: Path) -> None:
        """Of an upload that was not recorded, or of a removal that was."""
        disk = self._disk
        for name in await disk.run(disk.published, part):
            async with disk.holding(name):
                if not await self._store.read(stored_files.is_stored, name):
                    await disk.run(disk.remove, name)
        await disk.run(disk.discard, part)

    async def _remove_unused(self, actor: events.Actor, workspace: int | None) -> int:
        before, removed = times.now() - KEPT, 0
        async for each in self._each(workspace, stored_files.unused_after, before):
            removed += await self._remove(actor, each, before)
        return removed

    async def _remove(self, actor: events.Actor, file: StoredFile, before: int) -> bool:
        disk = self._disk
        async with disk.holding(file.name):
            part = await disk.run(disk.claim, file.name)
            done = await self._store.write(actions.remove_unused, actor, file, before)
            if done is not None:
                await disk.run(disk.remove, file.name)
            await disk.run(disk.discard, part)
        return done is not None

    async def _each(
        self, workspace: int | None, query: Callable[..., Sequence[StoredFile]], *given: int
    ) -> AsyncIterator[StoredFile]:
        """Of one workspace, or of all."""
        last = stored_files.START if workspace is None else FileName(workspace, "", "")
        while page := await self._store.read(query, last, *given):
            for each in page:
                if workspace not in (None, each.name.workspace):
                    return
                yield each
            last = page[-1].name

    async def _is_whole(self, file: StoredFile) -> bool:
        path = self._disk.path(file.name)
        try:
            is_whole = await self._disk.run(file_store.sha256, path) == file.name.hash
        except FileNotFoundError:
            is_whole = False
        if not is_whole:
            logger.error("the file %s is missing or damaged", file.name.path)
        return is_whole

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise errors.unusable(Path(error.filename or self._disk.directory), error) from error
