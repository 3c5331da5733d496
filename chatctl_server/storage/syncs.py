"""Syncs whose rooms are still to be planned, in the order in which they were requested."""

from collections.abc import Sequence
from typing import NamedTuple

from chatctl_server.storage.sql import Bulk, Database, Query

_FIRST = Query("SELECT id, room FROM sync ORDER BY id LIMIT 1")
_NOT_BEGUN = Query("SELECT id FROM sync WHERE room = 0 ORDER BY id")
_ADD = Bulk("INSERT INTO sync ({columns}, room) SELECT *, 0 FROM (VALUES {rows})", "id")
_MOVE = Query("UPDATE sync SET room = :room WHERE id = :offset")
_END = Query("DELETE FROM sync WHERE id = :offset")


class SyncPosition(NamedTuple):
    """``offset``: of the request; ``room``: up to which room it is planned, 0 before the first."""

    offset: int
    room: int = 0


def first(db: Database) -> SyncPosition | None:
    row = _FIRST.row(db)
    return None if row is None else SyncPosition(*row)


def not_begun(db: Database) -> list[int]:
    """Their offsets."""
    return [offset for (offset,) in _NOT_BEGUN.rows(db)]


def planned_up_to(db: Database, read: int) -> int:
    """The offset up to which no sync waits, when events were read up to the one given."""
    found = first(db)
    return read if found is None else found.offset - 1


def add(db: Database, offsets: Sequence[int]) -> None:
    _ADD.run(db, [(offset,) for offset in offsets])


def move(db: Database, reached: SyncPosition) -> None:
    _MOVE.run(db, offset=reached.offset, room=reached.room)


def end(db: Database, offset: int) -> None:
    _END.run(db, offset=offset)
