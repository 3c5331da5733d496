"""Which deliveries are removed: those that are over for long, and those of purged conversations."""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import conversations, deliveries
from chatctl_server.storage.sql import Bulk, Database, Query

# In the order of ids: the oldest come first. What a history goes on from is kept.
_FINISHED = Query("""SELECT id FROM delivery
    WHERE id > :after AND id < :end AND (status = 'delivered' AND finished_at < :delivered_before
        OR status IN ('failed', 'skipped') AND finished_at < :failed_before)
    AND id NOT IN (SELECT delivery FROM batch WHERE delivery IS NOT NULL)
    ORDER BY id LIMIT :limit""")


def finished(
    db: Database, after: int, delivered_before: int, failed_before: int, limit: int
) -> list[int]:
    """Ids above ``after`` that were delivered, or failed, before those times. The later of them
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
    low, high = 1, deliveries.newest_id(db) + 1
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


def forget(db: Database, finished: Sequence[int]) -> None:
    """With their tries; one that is pending again stays."""
    _FORGET.run(db, [(number,) for number in finished])


SCAN = 200_000  # rows that one query looks at
# That a conversation is purged is still told.
_OF_PURGED = Query(
    """SELECT id FROM delivery WHERE id > :after AND id <= :until AND event NOT GLOB '*.purged'
    AND conversation IN (SELECT id FROM conversation WHERE kind = 'purged')
    ORDER BY id LIMIT :limit"""
)
# The tries go with it: their table refers to it so.
_REMOVE = Query("DELETE FROM delivery WHERE id IN (SELECT value FROM json_each(:found))")
# ``endpoint IN``: so that it is looked up in the indexes, which begin with the endpoint.
_REMOVE_PENDING = Query(
    """DELETE FROM delivery WHERE status = 'pending' AND event NOT GLOB '*.purged'
    AND endpoint IN (SELECT id FROM endpoint) AND conversation = :conversation"""
)
_DROP_KEYS_OF_CONVERSATION = Query("""DELETE FROM ordering_key
    WHERE endpoint IN (SELECT id FROM endpoint) AND conversation = :conversation AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE endpoint = ordering_key.endpoint
        AND conversation = ordering_key.conversation AND status = 'pending')""")


def but_of_purged(db: Database, planned: Sequence[deliveries.Planned]) -> list[deliveries.Planned]:
    """Those of conversations that are there, and those that tell that one is not any more."""
    found = conversations.not_purged(db, {each.conversation for each in planned}) | {0}
    return [
        each for each in planned if each.conversation in found or each.event.endswith(".purged")
    ]


def of_purged(db: Database, after: int, limit: int) -> tuple[list[int], int]:
    """The next ids of deliveries of purged conversations, and the one up to which there is no
    other."""
    end = max(after, min(deliveries.newest_id(db), after + SCAN))
    found = [each for (each,) in _OF_PURGED.rows(db, after=after, until=end, limit=limit)]
    return found, found[-1] if len(found) == limit else end


def remove(db: Database, found: Sequence[int]) -> None:
    """With their tries."""
    _REMOVE.run(db, found=msgspec.json.encode(found).decode())


def remove_late(db: Database, ref: ConversationRef) -> None:
    """What was planned for it while the others were removed, and ordering keys in which nothing
    waits."""
    _REMOVE_PENDING.run(db, conversation=ref.id)
    _DROP_KEYS_OF_CONVERSATION.run(db, conversation=ref.id)
