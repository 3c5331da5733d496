"""Copies the write-ahead log back into the database file, beside the writer.

Inside COMMIT it would stop the writer for as long as the disk takes: batches of 150 to 400 ms
were seen. The writer itself does it only when the log has grown to ``engine.CHECKPOINT_PAGES``
nevertheless; what is left to do then is little, and the log begins anew.

A log that was copied back keeps its pages, and with them an erased text: after an erasure the log
is cut to nothing. That needs a moment without a writer and without a reader of an older state.
"""

import logging
import threading
import time
from pathlib import Path

from chatctl_server.storage import engine, sql

logger = logging.getLogger("chatctl.storage")
PAUSE_SECONDS = 1.0
RETRY_SECONDS = 0.25
LATE_SECONDS = 10.0  # the documents' promise
BUSY_MILLISECONDS = 50  # so long a reader may keep the writer waiting, at each try


class Checkpointer:
    """A thread with a connection of its own; one checkpoint a second, more often for an erasure
    that somebody holds up."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._durable = durable
        self._written = threading.Event()
        self._stopping = threading.Event()
        self._erased_at: float | None = None  # since when the log may hold an erased text
        self._is_held_up = False
        self._is_late = False
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def written(self) -> None:
        """There is something to copy."""
        self._written.set()

    def erased(self) -> None:
        """A text was taken out, or may have been: the log must be emptied, soon."""
        if self._erased_at is None:
            self._erased_at = time.monotonic()
        self._written.set()

    def stop(self) -> None:
        """Returns at once, or when the log is empty or 10 s have passed since the erasure."""
        self._stopping.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        db = engine.writing(self._path, durable=self._durable)
        try:
            while True:
                self._written.wait()
                is_retry = self._is_held_up and not self._is_late
                if self._stopping.wait(RETRY_SECONDS if is_retry else PAUSE_SECONDS):
                    break
                self._written.clear()
                self._checkpoint(db)
            self._finish(db)
        finally:
            db.close()

    def _finish(self, db: sql.Database) -> None:
        while self._erased_at is not None:
            self._checkpoint(db)
            if self._erased_at is None or self._is_late:
                return
            time.sleep(RETRY_SECONDS)

    def _checkpoint(self, db: sql.Database) -> None:
        """A failure costs nothing but space, or time: the log holds all there is."""
        erased_at = self._erased_at
        if erased_at is not None:
            self._erased_at = None  # what is erased from now on needs another checkpoint
        try:
            db.connect(reuse_if_open=True)
            engine.copy_back(db)
            if erased_at is None:
                return
            if engine.empty_log(db, BUSY_MILLISECONDS):
                self._note_emptied()
                return
            reason = "another program may be reading the database"
        except Exception as error:
            reason = str(error)
            if not self._is_held_up:
                logger.warning("the write-ahead log could not be copied back: %s", error)
            db.close()
        if erased_at is not None:
            self._note_failed(erased_at, reason)

    def _note_emptied(self) -> None:
        self._is_held_up = False
        if self._is_late:
            self._is_late = False
            logger.warning("the write-ahead log was emptied: no erased text is left in it")

    def _note_failed(self, erased_at: float, reason: str) -> None:
        self._erased_at = erased_at
        self._is_held_up = True
        self._written.set()
        if not self._is_late and time.monotonic() - erased_at >= LATE_SECONDS:
            self._is_late = True
            logger.warning(
                "the write-ahead log could not be emptied for %g s: %s; "
                "erased texts may still be in %s-wal",
                LATE_SECONDS,
                reason,
                self._path,
            )
