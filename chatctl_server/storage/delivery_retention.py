"""Which deliveries are over for so long that nobody will ask for them."""

from collections.abc import Sequence

from chatctl_server.storage.deliveries import newest_id
from chatctl_server.storage.sql import Bulk, Database, Query

# In the order of ids: the oldest come first. What a history goes on from is kept.
_FINISHED = Query(
    """SELECT id FROM delivery
    WHERE id > :after AND id < :end AND (status = 'delivered' AND finished_at < :delivered_before
        OR status IN ('failed', 'skipped') AND finished_at < :failed_before)
    AND id NOT IN (SELECT delivery FROM batch WHERE delivery IS NOT NULL)
    ORDER BY id LIMIT :limit"""
)


def finished(
    db: Database, after: int, delivered_before: int, failed_before: int, limit: int
) -> list[int]:
    """Ids above ``after`` that were delivered, or given up, before those times. The later of them
    is the first: what was planned since then is not even looked at."""
    rows = _FINISHED.rows(
        db,
        after=after,
        end=_first_planned_at(db, delivered_before),
        delivered_before=delivered_before,
        failed_before=failed_before,
        limit=limit,
    )
    return [number for (number,) in rows]


_PLANNED = Query("SELECT id, planned_at FROM delivery WHERE id >= :id ORDER BY id LIMIT 1")


def _first_planned_at(db: Database, at: int) -> int:
    """The id of the first delivery that was planned at that time or later, by bisection."""
    low, high = 1, newest_id(db) + 1
    while low < high:
        middle = (low + high) // 2
        row = _PLANNED.row(db, id=middle)
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0] + 1
    return low


# The tries go with it: their table refers to it so.
_FORGET = Bulk(
    "DELETE FROM delivery WHERE {columns} IN (VALUES {rows}) AND status != 'pending'", "id"
)


def forget(db: Database, deliveries: Sequence[int]) -> None:
    """With their tries; one that is pending again stays."""
    _FORGET.run(db, [(number,) for number in deliveries])
