"""Syncs whose rooms are still to be planned, in the order in which they were requested."""

from collections.abc import Sequence
from typing import NamedTuple

from peewee import Database

from chatctl_server.storage.models import SyncTable
from chatctl_server.storage.sql import Bulk, Statement

_FIRST = Statement(SyncTable.select(SyncTable.id, SyncTable.room).order_by(SyncTable.id).limit(1))
_NOT_BEGUN = Statement(
    SyncTable.select(SyncTable.id).where(SyncTable.room == 0).order_by(SyncTable.id)
)
_ADD = Bulk.insert(SyncTable.id, SyncTable.room)
_MOVE = Statement(SyncTable.update({SyncTable.room: 0}).where(SyncTable.id == 0))
_END = Statement(SyncTable.delete().where(SyncTable.id == 0))


class SyncPosition(NamedTuple):
    """``offset``: of the request; ``room``: up to which room it is planned, 0 before the first."""

    offset: int
    room: int = 0


def first(db: Database) -> SyncPosition | None:
    row = _FIRST.row(db, 1)
    return None if row is None else SyncPosition(*row)


def not_begun(db: Database) -> list[int]:
    """Their offsets."""
    return [offset for (offset,) in _NOT_BEGUN.rows(db, 0)]


def planned_up_to(db: Database, read: int) -> int:
    """The offset up to which no sync waits, when events were read up to the one given."""
    found = first(db)
    return read if found is None else found.offset - 1


def add(db: Database, offsets: Sequence[int]) -> None:
    _ADD.run(db, [(offset, 0) for offset in offsets])


def move(db: Database, reached: SyncPosition) -> None:
    _MOVE.run(db, reached.room, reached.offset)


def end(db: Database, offset: int) -> None:
    _END.run(db, offset)
