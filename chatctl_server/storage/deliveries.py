"""Queries about deliveries: what is pending, in which order, and what became of it.

An ordering key is an endpoint's pending deliveries of one conversation. They are tried in the
order of their ids, one at a time; the lane's row says when its first may be tried.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import msgspec
from peewee import SQL, Database, fn

from chatctl_server import errors
from chatctl_server.domain import event_id
from chatctl_server.domain.callbacks import Outcome
from chatctl_server.storage.models import AttemptTable, DeliveryTable, OrderingKeyTable
from chatctl_server.storage.sql import Bulk, Row, Statement, Value

Status = Literal["pending", "delivered", "failed", "skipped"]
ANSWER_BYTES = 4096  # of each answer that is kept
KEPT_TRIES = 100  # the newest of a delivery, and its first
TEST = "test"  # the mark of a sample that an operator has asked for


class Planned(msgspec.Struct, frozen=True):
    """What is to be sent: a reference with an upper bound, not the body."""

    endpoint: int
    conversation: int
    event: str
    first: int
    last: int
    tries_allowed: int
    until: int | None = None
    number: int | None = None
    from_time: int | None = None
    to_time: int | None = None
    mark: str | None = None


class Delivery(msgspec.Struct, frozen=True):
    id: int
    endpoint: int
    conversation: int
    event: str
    first: int
    last: int
    until: int | None
    number: int | None
    from_time: int | None
    to_time: int | None
    mark: str | None
    status: Status
    tries: int
    tries_allowed: int
    planned_at: int
    finished_at: int | None
    body_hash: bytes | None


class Attempt(msgspec.Struct, frozen=True):
    """One that was made. ``answer``: at most 4 KiB of it."""

    number: int
    at: int
    latency: int
    status: int | None
    error: str | None
    detail: str | None
    answer: bytes | None


class Rescheduled(NamedTuple):
    """Of an ordering key, to the time when its first may be tried. ``is_slow``: its last try
    timed out."""

    endpoint: int
    conversation: int
    due_at: int
    delay: int
    is_slow: bool


_COLUMNS = (
    DeliveryTable.id,
    DeliveryTable.endpoint,
    DeliveryTable.conversation,
    DeliveryTable.event,
    DeliveryTable.first,
    DeliveryTable.last,
    DeliveryTable.until,
    DeliveryTable.number,
    DeliveryTable.from_time,
    DeliveryTable.to_time,
    DeliveryTable.mark,
    DeliveryTable.status,
    DeliveryTable.tries,
    DeliveryTable.tries_allowed,
    DeliveryTable.planned_at,
    DeliveryTable.finished_at,
    DeliveryTable.body_hash,
)
_NEWEST_ID = Statement(DeliveryTable.select(fn.MAX(DeliveryTable.id)))
_ONE = Statement(DeliveryTable.select(*_COLUMNS).where(DeliveryTable.id == 0))
_ADD = Bulk.insert(
    DeliveryTable.id,
    *(getattr(DeliveryTable, name) for name in Planned.__struct_fields__),
    DeliveryTable.status,
    DeliveryTable.tries,
    DeliveryTable.planned_at,
)
_OPEN_KEYS = Bulk.insert(
    OrderingKeyTable.endpoint,
    OrderingKeyTable.conversation,
    OrderingKeyTable.due_at,
    OrderingKeyTable.delay,
    OrderingKeyTable.is_slow,
    ignore=True,
)
# Peewee has no words for one step over many rows.
_RESCHEDULE = Bulk(
    """UPDATE lane SET due_at = v.column3, delay = v.column4, is_slow = v.column5
    FROM (VALUES {rows}) AS v WHERE endpoint = v.column1 AND conversation = v.column2""",
    5,
)
_END_KEYS = Bulk(
    """DELETE FROM lane WHERE (endpoint, conversation) IN (VALUES {rows}) AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE endpoint = lane.endpoint
        AND conversation = lane.conversation AND status = 'pending')""",
    2,
)
# By their ids, whatever statistics the file has: + keeps SQLite from the index of the backlog.
_PENDING = Bulk(
    """SELECT json_group_array(json_array(id, tries, endpoint, until)) FROM delivery
    WHERE id IN (VALUES {rows}) AND +status = 'pending'""",
    1,
)
_IS_PENDING = SQL("status = 'pending'")  # as the index has it
# Peewee has no words for a join with each lane's first delivery, and none for what is read twice.
_DUE = Statement.of_text(
    f"""SELECT {", ".join(f"d.{column.column_name}" for column in _COLUMNS)}
    FROM lane JOIN delivery d ON d.id = (
        SELECT MIN(id) FROM delivery
        WHERE endpoint = lane.endpoint AND conversation = lane.conversation
        AND status = 'pending')
    WHERE lane.endpoint = ? AND lane.is_slow = ? AND lane.due_at <= ? AND d.id > ?
    ORDER BY lane.due_at LIMIT ?"""
)
# A try under way is of an ordering key's first delivery, and what it says is stored with what came
# of it.
_UNSURE = Statement.of_text(
    """SELECT d.id FROM lane JOIN delivery d ON d.id = (
        SELECT MIN(id) FROM delivery
        WHERE endpoint = lane.endpoint AND conversation = lane.conversation
        AND status = 'pending')
    WHERE d.body_hash IS NULL"""
)
_WAITING = Statement.of_text(
    """SELECT 1 FROM delivery
    WHERE endpoint = ?1 AND conversation = ?2 AND status = 'pending' AND event = ?3 AND id > (
        SELECT MIN(id) FROM delivery
        WHERE endpoint = ?1 AND conversation = ?2 AND status = 'pending')"""
)
_NEXT_DUE = Statement.of_text(
    """SELECT MIN(due_at) FROM (
        SELECT MIN(due_at) AS due_at FROM lane WHERE endpoint = ? AND is_slow = 0 AND due_at > ?
        UNION ALL
        SELECT MIN(due_at) FROM lane WHERE endpoint = ? AND is_slow = 1 AND due_at > ?)"""
)
_CLAMP = Statement.of_text("UPDATE lane SET due_at = ? + delay WHERE due_at > ? + delay")
_SETTLE = Bulk(
    """UPDATE delivery SET status = v.column2, tries = v.column3, finished_at = v.column4,
        body_hash = COALESCE(body_hash, v.column5)
    FROM (VALUES {rows}) AS v WHERE delivery.id = v.column1""",
    5,
)
_REVIVE = Statement(
    DeliveryTable.update(
        {DeliveryTable.status: "", DeliveryTable.tries_allowed: 0, DeliveryTable.finished_at: None}
    ).where(DeliveryTable.id == 0)
)
_TRY_COLUMNS = (
    AttemptTable.number,
    AttemptTable.at,
    AttemptTable.latency,
    AttemptTable.status,
    AttemptTable.error,
    AttemptTable.detail,
    AttemptTable.answer,
)
_ADD_TRIES = Bulk.insert(AttemptTable.delivery, *_TRY_COLUMNS)
_DROP_TRIES = Statement(
    AttemptTable.delete().where(
        (AttemptTable.delivery == 0) & (AttemptTable.number <= 0) & (AttemptTable.number > 1)
    )
)
_TRIES = Statement(
    AttemptTable.select(*_TRY_COLUMNS)
    .where(AttemptTable.delivery == 0)
    .order_by(AttemptTable.number)
)
_BACKLOG = Statement(
    DeliveryTable.select(
        DeliveryTable.endpoint, fn.COUNT(DeliveryTable.id), fn.MIN(DeliveryTable.planned_at)
    )
    .where(_IS_PENDING)
    .group_by(DeliveryTable.endpoint)
)
_MOVE_ENDPOINT = Statement(
    DeliveryTable.update({DeliveryTable.endpoint: 0}).where(
        (DeliveryTable.endpoint == 0) & _IS_PENDING
    )
)
_GIVE_TO = Statement(DeliveryTable.update({DeliveryTable.endpoint: 0}).where(DeliveryTable.id == 0))
_KEYS_OF = Statement(
    OrderingKeyTable.select(OrderingKeyTable.conversation).where(OrderingKeyTable.endpoint == 0)
)
_DROP_KEYS = Statement(OrderingKeyTable.delete().where(OrderingKeyTable.endpoint == 0))
_END_RUN = Statement(DeliveryTable.update({DeliveryTable.until: None}).where(DeliveryTable.id == 0))
_DELAY_OF_KEY = Statement(
    OrderingKeyTable.select(OrderingKeyTable.delay).where(
        (OrderingKeyTable.endpoint == 0) & (OrderingKeyTable.conversation == 0)
    )
)
# Whether it waits for a retry is said by its delay: times are the sender's clock's. Those that were
# hurried are due at 0, and so not read again.
_WAITING_KEYS = Statement(
    OrderingKeyTable.select(OrderingKeyTable.conversation)
    .where(
        (OrderingKeyTable.endpoint == 0)
        & (OrderingKeyTable.is_slow << [0, 1])
        & (OrderingKeyTable.due_at > 0)
        & (OrderingKeyTable.delay > 0)
    )
    .limit(1)
)
_OF_REMOVED = Statement.of_text(
    """SELECT id, endpoint, conversation FROM delivery WHERE status = 'pending' AND endpoint IN (
        SELECT id FROM endpoint WHERE status = 'removed' AND origin = 'added') LIMIT ?"""
)
_SKIP = Bulk(
    """UPDATE delivery SET status = 'skipped', finished_at = v.column2
    FROM (VALUES {rows}) AS v WHERE delivery.id = v.column1""",
    2,
)


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def one(db: Database, delivery: int) -> Delivery | None:
    row = _ONE.row(db, delivery)
    return None if row is None else Delivery(*row)


def find(db: Database, delivery_id: str) -> Delivery:
    """By its webhook-id, or by its bare number. Raises DeliveryNotFound."""
    is_number = delivery_id.isascii() and delivery_id.isdigit()
    number = int(delivery_id) if is_number else event_id.offset_of(uuid.UUID(delivery_id))
    found = one(db, number)
    if found is None or not (is_number or public_id(found) == delivery_id):
        raise errors.DeliveryNotFound(f"There is no delivery {delivery_id}", field="delivery_id")
    return found


def public_id(delivery: Delivery) -> str:
    return event_id.make(delivery.planned_at, delivery.id)


def tries(db: Database, delivery: int) -> list[Attempt]:
    return [Attempt(*row) for row in _TRIES.rows(db, delivery)]


def add(db: Database, planned: Sequence[Planned], now: int, due_at: int) -> int:
    """In their order; returns the id of the last."""
    newest = newest_id(db)
    rows = [
        (newest + n, *msgspec.structs.astuple(each), "pending", 0, now)
        for n, each in enumerate(planned, 1)
    ]
    _ADD.run(db, rows)
    lanes = {(each.endpoint, each.conversation) for each in planned}
    _OPEN_KEYS.run(db, [(*lane, due_at, 0, 0) for lane in lanes])
    return newest + len(rows)


def due(
    db: Database, endpoint: int, *, is_slow: bool, now: int, limit: int, above: int = 0
) -> list[Delivery]:
    """The first delivery of each lane whose time has come, the longest due first, if its id is
    above that one."""
    return [Delivery(*row) for row in _DUE.rows(db, endpoint, int(is_slow), now, above, limit)]


def unsure(db: Database) -> frozenset[int]:
    """Those of which nobody knows, when no server runs, whether they were sent, and what they
    said."""
    return frozenset(number for (number,) in _UNSURE.rows(db))


def next_due(db: Database, endpoint: int, now: int) -> int | None:
    """When the next lane's time comes; None when none waits for a time."""
    found: int | None = _NEXT_DUE.value(db, endpoint, now, endpoint, now)
    return found


def pending(db: Database, tried: Sequence[Delivery]) -> dict[int, Delivery]:
    """Those that are still pending and have not been tried since, as they are now."""
    known = {each.id: each for each in tried}
    found: dict[int, Delivery] = {}
    for text in _PENDING.values(db, [(number,) for number in known]):
        for number, tries, endpoint, until in msgspec.json.decode(text):
            if tries == known[number].tries:
                found[number] = msgspec.structs.replace(
                    known[number], endpoint=endpoint, until=until
                )
    return found


def settle(db: Database, settled: Sequence[tuple[Delivery, Status, bytes]], now: int) -> None:
    """After a try of each. Its hash stays that of the first body; empty says that there was
    none."""
    rows = [
        (each.id, status, each.tries + 1, None if status == "pending" else now, body_hash or None)
        for each, status, body_hash in settled
    ]
    _SETTLE.run(db, rows)


def add_tries(db: Database, tries: Sequence[tuple[int, int, int, Outcome]]) -> None:
    """Delivery, number and time of each, and what came of it."""
    _ADD_TRIES.run(db, [_try_row(*each) for each in tries])
    for delivery, number, *_ in tries:
        if number > KEPT_TRIES:
            _DROP_TRIES.run(db, delivery, number - KEPT_TRIES, 1)


def _try_row(delivery: int, number: int, at: int, outcome: Outcome) -> Sequence[Value]:
    answer = outcome.answer[:ANSWER_BYTES] or None
    told = (outcome.status, outcome.error, outcome.detail)
    return (delivery, number, at, outcome.latency, *told, answer)


def reschedule(db: Database, moves: Sequence[Rescheduled]) -> None:
    """Each to its next time; an ordering key without pending deliveries ends. No lane is there
    twice: one try of it at a time."""
    _RESCHEDULE.run(db, [(*each[:4], int(each.is_slow)) for each in moves])
    _END_KEYS.run(db, [each[:2] for each in moves])


def open_ordering_key(db: Database, endpoint: int, conversation: int, due_at: int) -> None:
    _OPEN_KEYS.run(db, [(endpoint, conversation, due_at, 0, 0)])


def has_waiting(db: Database, endpoint: int, conversation: int, event: str) -> bool:
    """Whether one of that event waits behind the lane's first, which may be under way."""
    return _WAITING.row(db, endpoint, conversation, event) is not None


def revive(db: Database, delivery: Delivery, due_at: int, tries: int) -> None:
    """One that was given up is pending again, at its old place in the order."""
    _REVIVE.run(db, "pending", delivery.tries + tries, None, delivery.id)
    open_ordering_key(db, delivery.endpoint, delivery.conversation, due_at)


@contextmanager
def undone(db: Database) -> Iterator[None]:
    """What is done within is undone at its end."""
    db.execute_sql("SAVEPOINT undone")
    yield
    db.execute_sql("ROLLBACK TO undone")
    db.execute_sql("RELEASE undone")


def end_run(db: Database, batch: int) -> None:
    """When it is sent once more, nothing follows: what followed has arrived."""
    _END_RUN.run(db, None, batch)


def hurry_ordering_key(db: Database, endpoint: int, conversation: int) -> bool:
    """Its first may be tried now; False when it waits for no retry."""
    waits = bool(_DELAY_OF_KEY.value(db, endpoint, conversation))
    if waits:
        reschedule(db, [Rescheduled(endpoint, conversation, due_at=0, delay=0, is_slow=False)])
    return waits


def hurry_ordering_keys(db: Database, endpoint: int, limit: int) -> int:
    """As many as wait for a retry, up to the limit."""
    found = _WAITING_KEYS.rows(db, endpoint, 0, 1, 0, 0, limit)
    for (conversation,) in found:
        hurry_ordering_key(db, endpoint, conversation)
    return len(found)


def skip_of_removed(db: Database, now: int, limit: int) -> int:
    """What was pending for added endpoints that are gone is not sent any more."""
    found = _OF_REMOVED.rows(db, limit)
    _SKIP.run(db, [(delivery, now) for delivery, *_ in found])
    _END_KEYS.run(db, list({tuple(lane) for _, *lane in found}))
    return len(found)


def clamp_ordering_keys(db: Database, now: int) -> None:
    """No lane waits longer than it was told to: the clock of another run may have been ahead."""
    _CLAMP.run(db, now, now)


def give_to(db: Database, delivery: int, endpoint: int) -> None:
    _GIVE_TO.run(db, endpoint, delivery)


def move_endpoint(db: Database, old: int, new: int, due_at: int) -> None:
    """What is pending for one endpoint goes to another."""
    for row in _KEYS_OF.rows(db, old):
        open_ordering_key(db, new, row[0], due_at)
    _DROP_KEYS.run(db, old)
    _MOVE_ENDPOINT.run(db, new, old)


def backlog(db: Database) -> dict[int, tuple[int, int]]:
    """Of each endpoint with pending deliveries: how many, and when the oldest was planned."""
    rows: list[Row] = _BACKLOG.rows(db)
    return {endpoint: (count, oldest) for endpoint, count, oldest in rows}
