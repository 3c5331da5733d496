"""Syncs whose rooms are still to be planned, in the order in which they were requested."""

from collections.abc import Sequence
from typing import NamedTuple

from peewee import Database

from chatctl_server.storage.models import Sync
from chatctl_server.storage.sql import Bulk, Statement

_FIRST = Statement(Sync.select(Sync.id, Sync.room).order_by(Sync.id).limit(1))
_NOT_BEGUN = Statement(Sync.select(Sync.id).where(Sync.room == 0).order_by(Sync.id))
_ADD = Bulk.insert(Sync.id, Sync.room)
_MOVE = Statement(Sync.update({Sync.room: 0}).where(Sync.id == 0))
_END = Statement(Sync.delete().where(Sync.id == 0))


class Position(NamedTuple):
    """``offset``: of the request; ``room``: up to which room it is planned, 0 before the first."""

    offset: int
    room: int = 0


def first(db: Database) -> Position | None:
    row = _FIRST.row(db, 1)
    return None if row is None else Position(*row)


def not_begun(db: Database) -> list[int]:
    """Their offsets."""
    return [offset for (offset,) in _NOT_BEGUN.rows(db, 0)]


def planned_up_to(db: Database, read: int) -> int:
    """The offset up to which no sync waits, when facts were read up to the one given."""
    found = first(db)
    return read if found is None else found.offset - 1


def add(db: Database, offsets: Sequence[int]) -> None:
    _ADD.run(db, [(offset, 0) for offset in offsets])


def move(db: Database, reached: Position) -> None:
    _MOVE.run(db, reached.room, reached.offset)


def end(db: Database, offset: int) -> None:
    _END.run(db, offset)
