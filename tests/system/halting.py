"""The real ``chatctl``, which notes in a shared file where its writing connection stands.

Told to, it halts at a place, so that a kill -9 falls there. What a kill met is read from the file
afterwards.
"""

import contextlib
import mmap
import struct
import threading
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

SIZE = 4096
CHECKPOINT_PAGES = 64  # instead of 4,000: kills meet checkpoints, too
_COUNTERS = struct.Struct("<II")
_AT = 8


class Place(IntEnum):
    IDLE = 0
    STATEMENT = 1  # between BEGIN and COMMIT
    COMMIT = 2  # COMMIT has begun and has not returned
    CHECKPOINT = 3
    COMMITTED = 4  # written and synced; COMMIT has not returned
    HAND_OVER = 5  # COMMIT has returned; the loop does not know of it


class Board:
    """Byte 0 the place, 1 whether it halted, 2 the place to halt at, 3 how many times to pass it;
    then how many transactions have returned and how many were handed over."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), SIZE)

    @property
    def place(self) -> Place:
        return Place(self._bytes[0])

    @property
    def has_halted(self) -> bool:
        return self._bytes[1] == 1

    @property
    def transactions(self) -> int:
        return self._counters()[0]

    @property
    def in_window(self) -> bool:
        """Between BEGIN and the hand-over, which comes before any Ack."""
        returned, handed_over = self._counters()
        return self.place is not Place.IDLE or returned > handed_over

    def clear(self) -> None:
        self._bytes[:] = bytes(SIZE)

    def halt_at(self, place: Place, passing: int = 0) -> None:
        self._bytes[2:4] = bytes((place, passing))

    # Of the process under test

    def stand(self, place: Place) -> None:
        self._bytes[0] = place
        self.pass_by(place)

    def pass_by(self, place: Place) -> None:
        if self._bytes[2] != place or place is Place.IDLE:
            return
        if self._bytes[3] > 0:
            self._bytes[3] -= 1
            return
        self._bytes[1] = 1
        threading.Event().wait()

    def count(self, which: int) -> None:
        """Each counter has one thread that counts it."""
        counters = list(self._counters())
        counters[which] += 1
        self._bytes[_AT + 4 * which : _AT + 4 * which + 4] = struct.pack("<I", counters[which])

    def _counters(self) -> tuple[int, int]:
        returned, handed_over = _COUNTERS.unpack_from(self._bytes, _AT)
        return returned, handed_over


def watch(board: Board) -> None:
    """Before the program uses the storage."""
    import apsw

    from chatctl_server.storage.store import Store
    from chatctl_server.storage.writer import Writer

    hooked: set[apsw.Connection] = set()

    def committed(connection: apsw.Connection, name: str, pages: int) -> int:
        if pages >= CHECKPOINT_PAGES:
            board.stand(Place.CHECKPOINT)
            with contextlib.suppress(apsw.BusyError):  # the server's own is under way
                connection.wal_checkpoint()
        board.stand(Place.COMMITTED)
        return 0

    def before(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        if statement.startswith("BEGIN") and cursor.connection not in hooked:
            # Here, because the product's pragmas have set SQLite's own hook before.
            cursor.connection.set_wal_hook(committed)
            hooked.add(cursor.connection)
        is_end = statement.startswith(("COMMIT", "RELEASE peewee"))
        board.stand(Place.COMMIT if is_end else Place.STATEMENT)
        return True

    def trace(connection: apsw.Connection) -> None:
        if connection.open_flags & apsw.SQLITE_OPEN_READWRITE:
            connection.exec_trace = before

    apsw.connection_hooks.append(trace)
    _wrap(board, Writer, Store)


def _wrap(board: Board, writing: Any, store: Any) -> None:
    run: Callable[..., Any] = writing.run
    hand_over: Callable[..., Any] = store._hand_over

    def counted_run(self: Any, calls: Sequence[Any]) -> Any:
        try:
            return run(self, calls)
        finally:
            board.count(0)
            board.stand(Place.IDLE)

    def counted_hand_over(self: Any, batch: Sequence[Any], seconds: float) -> None:
        board.pass_by(Place.HAND_OVER)
        hand_over(self, batch, seconds)
        board.count(1)

    writing.run = counted_run
    store._hand_over = counted_hand_over
