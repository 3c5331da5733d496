"""Reader threads: each has a read-only connection, and each query runs in one snapshot.

A pool holds up nobody but its own callers: its queue is bounded, and a query that takes longer
than the pool's limit is interrupted.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chatctl_server import errors
from chatctl_server.storage import engine, files
from chatctl_server.storage.sql import Database

logger = logging.getLogger("chatctl.storage")
T = TypeVar("T")

THREADS = 4
MAX_WAITING = 1_000
WATCH_SECONDS = 0.1


class Readers:
    def __init__(self, db: Database, name: str, limit_seconds: float) -> None:
        """Each thread has its own connection of ``db``. The limit is that of one query, from when
        a thread begins with it."""
        self._db = db
        self._limit_seconds = limit_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._asked = 0  # that are waiting or running
        self.refused = 0  # since the start
        self._watch: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._connections: set[engine.Connection] = set()
        self._running: dict[engine.Connection, float] = {}  # until when, by the monotonic clock
        # Held while a connection is interrupted: it must not have gone on to another query.
        self._mutex = threading.Lock()

    async def run(self, query: Callable[..., T], *arguments: Any) -> T:
        """Raises Busy when the queue is full, and QueryTimeout."""
        if self._is_stopping:
            raise errors.Stopping("The server stops", retry_after=5)
        if self._asked >= MAX_WAITING:
            self.refused += 1
            raise errors.Busy("Too many queries are waiting for the database", retry_after=1)
        with self._mutex:
            self._asked += 1
        asked = self._pool.submit(self._ask, query, arguments)
        asked.add_done_callback(self._answered)
        if self._watch is None:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(WATCH_SECONDS, self._look, loop)
        return await asyncio.wrap_future(asked)

    def _answered(self, asked: object) -> None:
        with self._mutex:
            self._asked -= 1

    @property
    def usage(self) -> float:
        return min(self._asked, THREADS) / THREADS

    def stop(self) -> None:
        """Whoever asks now, or later, is told Stopping. It may have to be called again: what is
        between two statements is not interrupted."""
        self._is_stopping = True
        self._interrupt(float("inf"))

    def close(self) -> None:
        """Returns when no thread is left."""
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Now and then, while there are queries, also of callers who are gone."""
        self._interrupt(time.monotonic())
        self._watch = loop.call_later(WATCH_SECONDS, self._look, loop) if self._asked else None

    def _interrupt(self, now: float) -> None:
        with self._mutex:
            for connection, until in self._running.items():
                if until <= now:
                    connection.interrupt()

    def _ask(self, query: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        db = self._db
        if self._is_stopping:
            raise errors.Stopping("The server stops", retry_after=5)
        try:
            db.connect(reuse_if_open=True)
            db.execute_sql("BEGIN")
        except Exception as error:
            raise self._failure(error) from error
        connection = db.connection()
        with self._mutex:
            self._connections.add(connection)
            self._running[connection] = time.monotonic() + self._limit_seconds
        try:
            return query(db, *arguments)
        except Exception as error:
            if engine.error_of(error) is None:
                raise
            raise self._failure(error) from error
        finally:
            with self._mutex:
                del self._running[connection]
            if engine.in_transaction(db):
                db.execute_sql("ROLLBACK")

    def _failure(self, error: Exception) -> errors.ChatctlError:
        if self._is_stopping:
            return errors.Stopping("The server stops", retry_after=5)
        if engine.is_interrupted(error):
            return errors.QueryTimeout(
                f"The database took longer than {self._limit_seconds:g} s to answer; ask for less: "
                "a later start, a shorter time, one room, or fewer at once"
            )
        logger.error("the database cannot be read: %s", error)
        if engine.is_damaged(error):
            return errors.StorageUnavailable("The database is damaged", hint=files.CHECK)
        return errors.StorageUnavailable("The database cannot be read at the moment", retry_after=1)
