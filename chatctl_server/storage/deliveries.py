"""Queries about deliveries: what is pending, in which order, and what became of it.

An ordering key is an endpoint's pending deliveries of one conversation. They are tried in the
order of their ids, one at a time; the key's row says when its first may be tried.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain import event_id
from chatctl_server.domain.callbacks import Outcome
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage.sql import Bulk, Database, Query, Value

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


class Outstanding(NamedTuple):
    """What has not arrived, in microseconds: ``oldest_…`` is when the oldest was planned,
    ``last_failure_at`` when the newest failed. Samples do not count as failed."""

    pending: int = 0
    oldest_pending_at: int | None = None
    failed: int = 0
    oldest_failed_at: int | None = None
    last_failure_at: int | None = None


class Rescheduled(NamedTuple):
    """Of an ordering key, to the time when its first may be tried. ``is_slow``: its last try
    timed out."""

    endpoint: int
    conversation: int
    due_at: int
    delay: int
    is_slow: bool


_COLUMNS = """id, endpoint, conversation, event, first, last, until, number, from_time, to_time,
    mark, status, tries, tries_allowed, planned_at, finished_at, body_hash"""
_ATTEMPT_COLUMNS = "number, at, latency, status, error, detail, answer"
# Of an ordering key, the delivery that is tried next.
_NEXT = """(SELECT MIN(id) FROM delivery WHERE endpoint = ordering_key.endpoint
        AND conversation = ordering_key.conversation AND status = 'pending')"""

_NEWEST_ID = Query("SELECT MAX(id) FROM delivery")


# Those of the message's own event, of batches that hold it, and of all states of its conversation.
_FORGET_ANSWERS = Query(
    """UPDATE attempt SET answer = NULL WHERE answer IS NOT NULL AND delivery IN (
        SELECT id FROM delivery WHERE first = :offset AND number IS NULL
        UNION ALL SELECT id FROM delivery
        WHERE conversation = :conversation AND event IN ('data_sync', 'chat_history_batch')
        AND (number IS NULL OR (first <= :seq AND last >= :seq)))"""
)


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


_ONE = Query(f"SELECT {_COLUMNS} FROM delivery WHERE id = :delivery")


def one(db: Database, delivery: int) -> Delivery | None:
    row = _ONE.row(db, delivery=delivery)
    return None if row is None else Delivery(*row)


_BEGINNING = Query("""SELECT planned_at, id FROM delivery WHERE id >= :first AND id <= :last
    AND planned_at >= :since AND planned_at <= :until ORDER BY id LIMIT :limit""")


def find(db: Database, delivery_id: str) -> Delivery:
    """By its webhook-id, the beginning of that, or its bare number. Raises DeliveryNotFound and
    Ambiguous."""
    span = event_id.span(delivery_id)
    number: int | None = None
    if delivery_id.isdigit() and len(delivery_id) <= 18:
        number = int(delivery_id)
    elif span is not None:
        rows = _BEGINNING.rows(db, limit=event_id.CANDIDATES, **span._asdict())
        number = event_id.only(delivery_id, rows, "deliveries")
    found = None if number is None else one(db, number)
    if found is None:
        raise errors.DeliveryNotFound(f"There is no delivery {delivery_id}", field="delivery_id")
    return found


def public_id(delivery: Delivery) -> str:
    return event_id.make(delivery.planned_at, delivery.id)


_TRIES = Query(f"SELECT {_ATTEMPT_COLUMNS} FROM attempt WHERE delivery = :delivery ORDER BY number")


def tries(db: Database, delivery: int) -> list[Attempt]:
    return [Attempt(*row) for row in _TRIES.rows(db, delivery=delivery)]


_ADD = Bulk(
    """INSERT INTO delivery ({columns}, status, tries)
    SELECT *, 'pending', 0 FROM (VALUES {rows})""",
    f"id, {', '.join(Planned.__struct_fields__)}, planned_at",
)
_OPEN_KEYS = Bulk(
    """INSERT OR IGNORE INTO ordering_key ({columns}, delay, is_slow)
    SELECT *, 0, 0 FROM (VALUES {rows})""",
    "endpoint, conversation, due_at",
)


def add(db: Database, first_id: int, planned: Sequence[Planned], now: int, due_at: int) -> int:
    """In their order, with the ids from that one on, which nobody else has; returns the last."""
    _ADD.run(
        db, [(n, *msgspec.structs.astuple(each), now) for n, each in enumerate(planned, first_id)]
    )
    keys = {(each.endpoint, each.conversation) for each in planned}
    _OPEN_KEYS.run(db, [(*key, due_at) for key in keys])
    return first_id + len(planned) - 1


_DUE = Query(f"""SELECT {_COLUMNS} FROM delivery JOIN (
        SELECT due_at, {_NEXT} AS next FROM ordering_key
        WHERE endpoint = :endpoint AND is_slow = :is_slow AND due_at <= :now) ON id = next
    WHERE id > :above ORDER BY due_at LIMIT :limit""")


def due(
    db: Database, endpoint: int, *, is_slow: bool, now: int, limit: int, above: int = 0
) -> list[Delivery]:
    """The first delivery of each ordering key whose time has come, the longest due first, if its
    id is above that one."""
    rows = _DUE.rows(db, endpoint=endpoint, is_slow=is_slow, now=now, above=above, limit=limit)
    return [Delivery(*row) for row in rows]


# A try under way is of an ordering key's first delivery, and what it says is stored with what came
# of it.
_UNSURE = Query(f"""SELECT id FROM delivery
    WHERE body_hash IS NULL AND id IN (SELECT {_NEXT} FROM ordering_key)""")


def unsure(db: Database) -> frozenset[int]:
    """Those of which nobody knows, when no server runs, whether they were sent, and what they
    said."""
    return frozenset(number for (number,) in _UNSURE.rows(db))


_NEXT_DUE = Query("""SELECT MIN(due_at) FROM (
        SELECT MIN(due_at) AS due_at FROM ordering_key
        WHERE endpoint = :endpoint AND is_slow = 0 AND due_at > :now
        UNION ALL
        SELECT MIN(due_at) FROM ordering_key
        WHERE endpoint = :endpoint AND is_slow = 1 AND due_at > :now)""")


def next_due(db: Database, endpoint: int, now: int) -> int | None:
    """When the next ordering key's time comes; None when none waits for a time."""
    found: int | None = _NEXT_DUE.value(db, endpoint=endpoint, now=now)
    return found


# By their ids, whatever statistics the file has: + keeps SQLite from the index of the backlog.
_PENDING = Bulk(
    """SELECT json_group_array(json_array(id, tries, endpoint, until)) FROM delivery
    WHERE {columns} IN (VALUES {rows}) AND +status = 'pending'""",
    "id",
)


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


_MARK_TRIED = Bulk(
    """WITH tried ({columns}) AS (VALUES {rows})
    UPDATE delivery SET status = tried.status, tries = tried.tries,
        finished_at = tried.finished_at,
        body_hash = COALESCE(delivery.body_hash, tried.body_hash)
    FROM tried WHERE delivery.id = tried.id""",
    "id, status, tries, finished_at, body_hash",
)


def mark_tried(db: Database, tried: Sequence[tuple[Delivery, Status, bytes]], now: int) -> None:
    """After a try of each. Its hash stays that of the first body; empty says that there was
    none."""
    rows = [
        (each.id, status, each.tries + 1, None if status == "pending" else now, body_hash or None)
        for each, status, body_hash in tried
    ]
    _MARK_TRIED.run(db, rows)


_ADD_TRIES = Bulk("INSERT INTO attempt ({columns}) VALUES {rows}", f"delivery, {_ATTEMPT_COLUMNS}")
_DROP_TRIES = Query(
    "DELETE FROM attempt WHERE delivery = :delivery AND number > 1 AND number <= :number"
)


def add_tries(db: Database, tries: Sequence[tuple[int, int, int, Outcome]]) -> None:
    """Delivery, number and time of each, and what came of it."""
    _ADD_TRIES.run(db, [_try_row(*each) for each in tries])
    for delivery, number, *_ in tries:
        if number > KEPT_TRIES:
            _DROP_TRIES.run(db, delivery=delivery, number=number - KEPT_TRIES)


def _try_row(delivery: int, number: int, at: int, outcome: Outcome) -> Sequence[Value]:
    answer = outcome.answer[:ANSWER_BYTES] or None
    told = (outcome.status, outcome.error, outcome.detail)
    return (delivery, number, at, outcome.latency, *told, answer)


_RESCHEDULE = Bulk(
    """WITH moved ({columns}) AS (VALUES {rows})
    UPDATE ordering_key SET due_at = moved.due_at, delay = moved.delay, is_slow = moved.is_slow
    FROM moved WHERE ordering_key.endpoint = moved.endpoint
    AND ordering_key.conversation = moved.conversation""",
    ", ".join(Rescheduled._fields),
)
_END_KEYS = Bulk(
    """DELETE FROM ordering_key WHERE ({columns}) IN (VALUES {rows}) AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE endpoint = ordering_key.endpoint
        AND conversation = ordering_key.conversation AND status = 'pending')""",
    "endpoint, conversation",
)


def reschedule(db: Database, moves: Sequence[Rescheduled]) -> None:
    """Each to its next time; an ordering key without pending deliveries ends. No key is there
    twice: one try of it at a time."""
    _RESCHEDULE.run(db, moves)
    _END_KEYS.run(db, [each[:2] for each in moves])


def open_ordering_key(db: Database, endpoint: int, conversation: int, due_at: int) -> None:
    _OPEN_KEYS.run(db, [(endpoint, conversation, due_at)])


_WAITING = Query("""SELECT 1 FROM delivery
    WHERE endpoint = :endpoint AND conversation = :conversation AND status = 'pending'
    AND event = :event AND id > (
        SELECT MIN(id) FROM delivery WHERE endpoint = :endpoint
        AND conversation = :conversation AND status = 'pending')""")


def has_waiting(db: Database, endpoint: int, conversation: int, event: str) -> bool:
    """Whether one of that event waits behind the ordering key's first, which may be under way."""
    found = _WAITING.row(db, endpoint=endpoint, conversation=conversation, event=event)
    return found is not None


_REVIVE = Query(
    """UPDATE delivery SET status = 'pending', tries_allowed = :tries_allowed, finished_at = NULL
    WHERE id = :delivery"""
)


def revive(db: Database, delivery: Delivery, due_at: int, tries: int) -> None:
    """One that failed is pending again, at its old place in the order."""
    _REVIVE.run(db, tries_allowed=delivery.tries + tries, delivery=delivery.id)
    open_ordering_key(db, delivery.endpoint, delivery.conversation, due_at)


@contextmanager
def undone(db: Database) -> Iterator[None]:
    """What is done within is undone at its end."""
    db.execute_sql("SAVEPOINT undone")
    yield
    db.execute_sql("ROLLBACK TO undone")
    db.execute_sql("RELEASE undone")


_END_RUN = Query("UPDATE delivery SET until = NULL WHERE id = :batch")


def end_run(db: Database, batch: int) -> None:
    """When it is sent once more, nothing follows: what followed has arrived."""
    _END_RUN.run(db, batch=batch)


_DELAY_OF_KEY = Query("""SELECT delay FROM ordering_key
    WHERE endpoint = :endpoint AND conversation = :conversation""")


def hurry_ordering_key(db: Database, endpoint: int, conversation: int) -> bool:
    """Its first may be tried now; False when it waits for no retry."""
    waits = bool(_DELAY_OF_KEY.value(db, endpoint=endpoint, conversation=conversation))
    if waits:
        reschedule(db, [Rescheduled(endpoint, conversation, due_at=0, delay=0, is_slow=False)])
    return waits


# Whether it waits for a retry is said by its delay: times are the sender's clock's. Those that were
# hurried are due at 0, and so not read again.
_WAITING_KEYS = Query("""SELECT conversation FROM ordering_key INDEXED BY ordering_key_due
    WHERE endpoint = :endpoint AND is_slow IN (0, 1) AND due_at > 0 AND delay > 0 LIMIT :limit""")


def waiting_keys(db: Database, endpoint: int, limit: int) -> list[int]:
    """The conversations of those that wait for a retry."""
    return [key for (key,) in _WAITING_KEYS.rows(db, endpoint=endpoint, limit=limit)]


def hurry_ordering_keys(db: Database, endpoint: int, limit: int) -> int:
    """As many as wait for a retry, up to the limit."""
    found = waiting_keys(db, endpoint, limit)
    for conversation in found:
        hurry_ordering_key(db, endpoint, conversation)
    return len(found)


_SKIP_OF_REMOVED = Query("""UPDATE delivery SET status = 'skipped', finished_at = :now WHERE id IN (
        SELECT id FROM delivery WHERE status = 'pending' AND endpoint IN (
            SELECT id FROM endpoint WHERE status = 'removed' AND origin = 'added')
        LIMIT :limit)
    RETURNING endpoint, conversation""")


def skip_of_removed(db: Database, now: int, limit: int) -> int:
    """What was pending for added endpoints that are gone is not sent any more."""
    skipped = _SKIP_OF_REMOVED.rows(db, now=now, limit=limit)
    _END_KEYS.run(db, list(set(skipped)))
    return len(skipped)


_CLAMP = Query("UPDATE ordering_key SET due_at = :now + delay WHERE due_at > :now + delay")


def clamp_ordering_keys(db: Database, now: int) -> None:
    """None waits longer than it was told to: the clock of another run may have been ahead."""
    _CLAMP.run(db, now=now)


_GIVE_TO = Query("UPDATE delivery SET endpoint = :endpoint WHERE id = :delivery")


def give_to(db: Database, delivery: int, endpoint: int) -> None:
    _GIVE_TO.run(db, endpoint=endpoint, delivery=delivery)


_COPY_KEYS = Query(
    """INSERT OR IGNORE INTO ordering_key (endpoint, conversation, due_at, delay, is_slow)
    SELECT :new, conversation, :due_at, 0, 0 FROM ordering_key WHERE endpoint = :old"""
)
_DROP_KEYS = Query("DELETE FROM ordering_key WHERE endpoint = :old")
_MOVE_PENDING = Query(
    "UPDATE delivery SET endpoint = :new WHERE endpoint = :old AND status = 'pending'"
)


def forget_answers(db: Database, ref: ConversationRef, seq: int, offset: int) -> None:
    """What receivers have answered when they were sent that message, which was posted at that
    offset: it may repeat the text."""
    _FORGET_ANSWERS.run(db, offset=offset, conversation=ref.id, seq=seq)


def move_endpoint(db: Database, old: int, new: int, due_at: int) -> None:
    """What is pending for one endpoint goes to another."""
    _COPY_KEYS.run(db, old=old, new=new, due_at=due_at)
    _DROP_KEYS.run(db, old=old)
    _MOVE_PENDING.run(db, old=old, new=new)


_STILL_PENDING = Query("""SELECT endpoint, COUNT(*), MIN(planned_at) FROM delivery
    WHERE status = 'pending' GROUP BY endpoint""")
_FAILED = Query(f"""SELECT endpoint, COUNT(*), MIN(planned_at), MAX(finished_at) FROM delivery
    WHERE status = 'failed' AND mark IS NOT '{TEST}' GROUP BY endpoint""")


def outstanding(db: Database) -> dict[int, Outstanding]:
    """Of each endpoint for which something is pending or has failed."""
    found = {id_: Outstanding(count, oldest) for id_, count, oldest in _STILL_PENDING.rows(db)}
    for endpoint, count, oldest, newest in _FAILED.rows(db):
        pending = found.get(endpoint, Outstanding())
        found[endpoint] = pending._replace(
            failed=count, oldest_failed_at=oldest, last_failure_at=newest
        )
    return found


def in_all(parts: Iterable[Outstanding]) -> Outstanding:
    together = [*parts]
    return Outstanding(
        sum(each.pending for each in together),
        min(filter(None, (each.oldest_pending_at for each in together)), default=None),
        sum(each.failed for each in together),
        min(filter(None, (each.oldest_failed_at for each in together)), default=None),
        max(filter(None, (each.last_failure_at for each in together)), default=None),
    )
