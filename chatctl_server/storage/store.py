"""The store: one writer thread with group commit, and two pools of reader threads.

Callers ``await store.write(action, …)``. The writer is given what is waiting (at most 256 calls or
1 MiB), runs each action so that it alone fails, commits once, and hands all events and results back
to the event loop in one step, in log order: events first to ``on_commit``, then each result.
Each of the two threads wakes the other once for a batch; nothing but batches passes between them.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.storage import engine, files
from chatctl_server.storage.checkpointer import Checkpointer
from chatctl_server.storage.readers import Readers
from chatctl_server.storage.sql import Database
from chatctl_server.storage.writer import Batch, Call, Completed, Outcome, Writer

logger = logging.getLogger("chatctl.storage")
T = TypeVar("T")

MAX_WAITING_CALLS = 10_000
MAX_URGENT_CALLS = 1_000
CALL_BYTES = 256  # of a call without a text
MAX_WAITING_BYTES = 16 * 1024 * 1024
MAX_BATCH_CALLS = 256
MAX_BATCH_BYTES = 1024 * 1024
GATHER_SECONDS = 0.001  # between two batches, for what comes close behind: each costs a commit
ENOUGH_CALLS = 64  # are not kept waiting
LIST_SECONDS = 10.0
LIVE_SECONDS = 5.0
INTERRUPT_SECONDS = 0.1
TOLD_AGAIN_SECONDS = 60.0  # that the database is gone


class Store:
    def __init__(
        self, path: Path, *, durable: bool = True, clock: Callable[[], int], is_serving: bool = True
    ) -> None:
        """``on_commit`` and ``on_batch`` are called in the loop: every committed event in log
        order, and for every transaction how many calls and seconds it had."""
        self.path = path
        self.on_commit: Callable[[Sequence[events.Event]], None] = lambda recorded: None
        self.on_batch: Callable[[int, float], None] = lambda calls, seconds: None
        self._durable = durable
        self._clock = clock
        self._is_serving = is_serving
        self._waiting: deque[Call] = deque()
        self._urgent: deque[Call] = deque()
        self._waiting_bytes = 0
        self._batches: SimpleQueue[list[Call] | None] = SimpleQueue()  # None: no more will come
        self._is_writing = False  # a batch is with the writer, or about to be
        self._gathering: asyncio.TimerHandle | None = None  # until then the next one waits
        self._refused_calls = 0  # since the start
        self._drained = threading.Event()
        self._readers_closed = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._writing: Writer | None = None
        self._use(engine.reading(path))
        self._told_again_at = 0.0
        self._checkpointer = Checkpointer(path, durable=durable)
        self._identity: tuple[int, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # Life

    async def open(self, *, write: bool = True) -> None:
        """Raises StorageUnavailable when the file cannot be opened."""
        self._loop = asyncio.get_running_loop()
        if not write:
            self._use(await self._loop.run_in_executor(None, files.reading, self.path))
            return
        self._writing = Writer(
            lambda: engine.writing(self.path, durable=self._durable),
            self._clock,
            is_serving=self._is_serving,
        )
        await self._loop.run_in_executor(None, self._writing.check)
        self._identity = _identity(self.path)
        self._checkpointer.start()
        if self._is_serving:
            self._checkpointer.erased()  # maybe, before a crash
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def _use(self, db: Database) -> None:
        self._live = Readers(db, "live", LIVE_SECONDS)
        self._lists = Readers(db, "lists", LIST_SECONDS)

    async def close(self) -> None:
        """Runs what is waiting, then ends the threads and empties the write-ahead log."""
        loop = asyncio.get_running_loop()
        self._closing = True
        if self._gathering is not None or not self._is_writing:
            self._begin_batch()
        if self._thread is not None:
            await loop.run_in_executor(None, self._drained.wait)
        closing = loop.run_in_executor(None, self._close_readers)
        while not closing.done():
            self.interrupt()
            await asyncio.wait([closing], timeout=INTERRUPT_SECONDS)
        await closing
        if self._thread is not None:
            await loop.run_in_executor(None, self._checkpointer.stop)
        self._readers_closed.set()
        if self._thread is not None:
            await loop.run_in_executor(None, self._thread.join)
            await asyncio.sleep(0)  # the last batch's results are on the loop already

    def interrupt(self) -> None:
        """Whoever reads now, or later, is told Stopping, so that the stop does not wait for long
        queries."""
        for readers in (self._live, self._lists):
            readers.stop()

    def _close_readers(self) -> None:
        for readers in (self._live, self._lists):
            readers.close()

    # Queries about the store itself

    @property
    def trouble(self) -> errors.ChatctlError | None:
        """The error of the last transaction; None when it was committed."""
        if self.is_displaced:
            return self._displaced()
        return self._writing.trouble if self._writing else None

    @property
    def is_displaced(self) -> bool:
        """Whether the path leads to another file than the one that is open, or to none."""
        return self._identity is not None and _identity(self.path) != self._identity

    @property
    def backlog(self) -> int:
        return len(self._waiting) + len(self._urgent)

    @property
    def drops(self) -> dict[str, int]:
        """By queue: how many calls and queries were refused because it was full."""
        return {
            "writer": self._refused_calls,
            "live_queries": self._live.refused,
            "list_queries": self._lists.refused,
        }

    @property
    def pool_usage(self) -> float:
        """Of the busier pool of readers: 1 when all its threads are at work."""
        return max(self._live.usage, self._lists.usage)

    @property
    def size_bytes(self) -> int:
        """Of the file and its write-ahead log."""
        parts = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    # Reading

    async def read(self, query: Callable[..., T], *arguments: Any) -> T:
        """Runs a query for a list, a search or a follower, in one snapshot of the database.

        Raises QueryTimeout after 10 s: what reads without an end reads page by page.
        """
        return await self._lists.run(query, *arguments)

    async def read_live(self, query: Callable[..., T], *arguments: Any) -> T:
        """As ``read``, for what a live connection waits for: not behind what ``read`` is for."""
        return await self._live.run(query, *arguments)

    # Writing

    async def write(
        self, action: Callable[..., T] | Batch[Any, T], *arguments: Any, size: int = CALL_BYTES
    ) -> T:
        """Runs the action in the writer; returns after its commit. Raises what the action raises,
        Busy at the queue's limit, NotStored or OutcomeUnknown when the database failed."""
        future, resolve = _future()
        self.submit(action, arguments, resolve, size=size)
        return await future  # type: ignore[no-any-return]

    async def write_urgent(
        self, action: Callable[..., T] | Batch[Any, T], *arguments: Any, size: int = CALL_BYTES
    ) -> T:
        """As ``write``, overtaking what is queued: for what administrators do."""
        future, resolve = _future()
        self.submit(action, arguments, resolve, size=size, urgent=True)
        return await future  # type: ignore[no-any-return]

    async def free_cache(self) -> None:
        """Of the writer, whose memory it is."""
        await self.write(lambda tx: engine.free_cache(tx.db))

    def empty_log(self) -> None:
        """Soon: what was removed shall not stay in the write-ahead log."""
        self._checkpointer.erased()

    def submit(
        self,
        action: Callable[..., Any] | Batch[Any, Any],
        arguments: tuple[Any, ...],
        done: Callable[[Outcome], None],
        *,
        size: int = CALL_BYTES,
        urgent: bool = False,
        reserved: bool = False,
    ) -> None:
        """Queues a call, in the loop; ``done`` is called there, in log order, with result or
        exception.

        ``size`` is what it holds in bytes. ``urgent`` calls overtake the others and have room
        for a thousand more. ``reserved`` ones, which end what was begun, are taken beyond the
        limit: there is one for each connection at most. Raises Busy at the limit.
        """
        if self._thread is None or self._closing:
            raise errors.StorageUnavailable("This process does not write to the database")
        spare = MAX_URGENT_CALLS if urgent else 0
        full = (
            self.backlog >= MAX_WAITING_CALLS + spare
            or self._waiting_bytes >= MAX_WAITING_BYTES + spare * CALL_BYTES
        )
        if full and not reserved:
            self._refused_calls += 1
            raise errors.Busy("The writer's queue is full", retry_after=1)
        self._waiting_bytes += size
        (self._urgent if urgent else self._waiting).append(Call(action, arguments, done, size))
        if not self._is_writing:
            self._is_writing = True
            asyncio.get_running_loop().call_soon(self._begin_batch)
        elif self._gathering is not None and self._is_pressing:
            self._begin_batch()

    @property
    def _is_pressing(self) -> bool:
        """Whether what is waiting is not to be kept waiting for more."""
        return bool(self._urgent) or self._closing or len(self._waiting) >= ENOUGH_CALLS

    def _begin_batch(self) -> None:
        """Gives the writer what has come meanwhile: in one turn of the loop, while it wrote, or
        close behind. It is woken once for all of it, as is the loop by ``_hand_over``."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        calls = self._take()
        self._is_writing = bool(calls)
        if calls:
            self._batches.put(calls)
        elif self._closing:
            self._batches.put(None)

    def _take(self) -> list[Call]:
        taken: list[Call] = []
        size = 0
        for queue in (self._urgent, self._waiting):
            while queue and len(taken) < MAX_BATCH_CALLS and size < MAX_BATCH_BYTES:
                call = queue.popleft()
                size += call.size
                taken.append(call)
        self._waiting_bytes -= size
        return taken

    def _hand_over(self, batch: Sequence[Completed], seconds: float) -> None:
        for completed in batch:
            try:
                if completed.recorded:
                    self.on_commit(completed.recorded)
            except Exception:
                logger.exception("events could not be handed over")
            try:
                completed.call.done(completed.outcome)
            except Exception:
                logger.exception("a result could not be handed over")
        self.on_batch(len(batch), seconds)
        if len(batch) == 1 or self._is_pressing:  # who sends one after the other is not slowed down
            self._begin_batch()
        else:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER_SECONDS, self._begin_batch)

    # The writer thread

    def _run(self) -> None:
        writing, loop = self._writing, self._loop
        assert writing is not None
        assert loop is not None
        while (calls := self._batches.get()) is not None:
            started = time.perf_counter()
            batch = self._refused(calls) if self.is_displaced else writing.run(calls)
            seconds = time.perf_counter() - started
            loop.call_soon_threadsafe(self._hand_over, batch, seconds)
            self._checkpointer.written()
            if _has_erased(batch):
                self._checkpointer.erased()
        self._drained.set()
        self._readers_closed.wait()  # the last connection to close empties the write-ahead log
        writing.close()

    def _refused(self, calls: Sequence[Call]) -> list[Completed]:
        now = time.monotonic()
        if now >= self._told_again_at:
            self._told_again_at = now + TOLD_AGAIN_SECONDS
            logger.error("%s", self._displaced().detail)
        return [Completed(call, self._displaced(), ()) for call in calls]

    def _displaced(self) -> errors.StorageUnavailable:
        return errors.StorageUnavailable(
            f"{self.path} was removed or replaced while the server ran: nothing more is stored; "
            "stop the server, put the file back, start it again"
        )


def _has_erased(batch: Sequence[Completed]) -> bool:
    types = {type(entry.payload) for completed in batch for entry in completed.recorded}
    return not types.isdisjoint(events.ERASURES)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _future() -> tuple[asyncio.Future[Any], Callable[[Outcome], None]]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def resolve(outcome: Outcome) -> None:
        if future.done():
            return
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    return future, resolve
