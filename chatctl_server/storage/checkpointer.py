"""Copies the write-ahead log back into the database file, beside the writer.

Inside COMMIT it would stop the writer for as long as the disk takes: batches of 150 to 400 ms
were seen. The writer itself does it only when the log has grown to ``sql.CHECKPOINT_PAGES``
nevertheless; what is left to do then is little, and the log begins anew.
"""

import logging
import threading
from pathlib import Path

import apsw

from chatctl_server.storage import sql

logger = logging.getLogger("chatctl.storage")
PAUSE_SECONDS = 1.0


class Checkpointer:
    """A thread with a connection of its own; at most one checkpoint a second."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._durable = durable
        self._written = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def written(self) -> None:
        """There is something to copy."""
        self._written.set()

    def stop(self) -> None:
        self._stopping.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        db = sql.writing(self._path, durable=self._durable)
        try:
            while True:
                self._written.wait()
                if self._stopping.wait(PAUSE_SECONDS):
                    return
                self._written.clear()
                self._checkpoint(db)
        finally:
            db.close()

    def _checkpoint(self, db: sql.Database) -> None:
        """A failure costs nothing but space: the log holds all there is."""
        try:
            db.connect(reuse_if_open=True)
            db.connection().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            pass  # the writer is at it
        except Exception as error:
            logger.warning("the write-ahead log could not be copied back: %s", error)
            db.close()
