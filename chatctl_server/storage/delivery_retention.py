"""Which deliveries are over for so long that nobody will ask for them."""

from collections.abc import Sequence

from peewee import Database

from chatctl_server.storage.deliveries import newest_id
from chatctl_server.storage.models import DeliveryTable
from chatctl_server.storage.sql import Bulk, Statement

# In the order of ids: the oldest come first. What a history goes on from is kept, and the newest,
# so that no id is given twice.
_FINISHED = Statement.of_text(
    """SELECT id FROM delivery
    WHERE id > ? AND id < ? AND (status = 'delivered' AND finished_at < ?
        OR status IN ('failed', 'skipped') AND finished_at < ?)
    AND id < (SELECT MAX(id) FROM delivery)
    AND id NOT IN (SELECT delivery FROM batch WHERE delivery IS NOT NULL)
    ORDER BY id LIMIT ?"""
)
_PLANNED = Statement(
    DeliveryTable.select(DeliveryTable.id, DeliveryTable.planned_at)
    .where(DeliveryTable.id >= 0)
    .order_by(DeliveryTable.id)
    .limit(1)
)
# The tries go with it: their table refers to it so.
_FORGET = Bulk("DELETE FROM delivery WHERE id IN (VALUES {rows}) AND status != 'pending'", 1)


def finished(
    db: Database, after: int, delivered_before: int, failed_before: int, limit: int
) -> list[int]:
    """Ids above ``after`` that were delivered, or given up, before those times. The later of them
    is the first: what was planned since then is not even looked at."""
    end = _first_planned_at(db, delivered_before)
    rows = _FINISHED.rows(db, after, end, delivered_before, failed_before, limit)
    return [number for (number,) in rows]


def _first_planned_at(db: Database, at: int) -> int:
    """The id of the first delivery that was planned at that time or later, by bisection."""
    low, high = 1, newest_id(db) + 1
    while low < high:
        middle = (low + high) // 2
        row = _PLANNED.row(db, middle, 1)
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0] + 1
    return low


def forget(db: Database, deliveries: Sequence[int]) -> None:
    """With their tries; one that is pending again stays."""
    _FORGET.run(db, [(number,) for number in deliveries])
