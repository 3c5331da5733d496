"""Queries for lists: which deliveries there are, and how far each kind got in each room."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from chatctl_server.domain import event_id
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage.deliveries import TEST, Status
from chatctl_server.storage.sql import Database, Query, Row

SyncStatusKind = Literal["data", "periodic", "chat_history", "session_history", "room_event"]
Among = Literal["failed", "finished"]


class DeliveryListed(msgspec.Struct, frozen=True):
    """With ids as the world knows them; times are microseconds. ``next_try_at``: only of the first
    in its ordering key. ``last_status`` and ``last_error`` are of the newest try."""

    delivery_id: str
    endpoint_id: str
    kind: EndpointKind
    event: str
    room_id: str | None
    status: Status
    mark: str | None
    number: int | None
    tries: int
    tries_allowed: int
    planned_at: int
    finished_at: int | None
    next_try_at: int | None
    last_status: int | None
    last_error: str | None


class Filter(NamedTuple):
    """None means any. ``since`` and ``until`` are about ``planned_at``, both inclusive."""

    endpoint: int | None
    conversation: int | None
    status: Status | None
    event_glob: str | None
    since: int
    until: int


class Addressed(NamedTuple):
    """That an endpoint has, or had, a delivery of an event. One of the settings is known by its
    kind alone: its URL may have been another."""

    endpoint: int | EndpointKind
    event: str
    offset: int


class DeliveryCounts(NamedTuple):
    pending: int = 0
    failed: int = 0
    last_delivered_at: int | None = None


# LEFT JOIN, so that the deliveries are read in their order and only as far as they are wanted.
_LISTED = """SELECT d.id, e.public_id, e.kind, d.event, c.public_id, d.status, d.mark, d.number,
    d.tries, d.tries_allowed, d.planned_at, d.finished_at,
    CASE WHEN d.status = 'pending' AND d.id = (
        SELECT MIN(id) FROM delivery
        WHERE endpoint = d.endpoint AND conversation = d.conversation AND status = 'pending')
    THEN MAX(k.due_at, d.planned_at) END, a.status, a.error
    FROM delivery d
    LEFT JOIN endpoint e ON e.id = d.endpoint
    LEFT JOIN conversation c ON c.id = d.conversation AND c.kind = 'room'
    LEFT JOIN ordering_key k ON k.endpoint = d.endpoint AND k.conversation = d.conversation
    LEFT JOIN attempt a ON a.delivery = d.id AND a.number = d.tries"""


def _listed(row: Row) -> DeliveryListed:
    listed = DeliveryListed(*row)
    delivery_id = event_id.make(listed.planned_at, row[0])
    return msgspec.structs.replace(listed, delivery_id=delivery_id)


def _page(condition: str) -> Query:
    return Query(f"""{_LISTED} WHERE d.id < :before AND {condition}
        AND (:endpoint IS NULL OR d.endpoint = :endpoint)
        AND (:conversation IS NULL OR d.conversation = :conversation)
        AND (:status IS NULL OR d.status = :status)
        AND (:event_glob IS NULL OR d.event GLOB :event_glob)
        AND d.planned_at >= :since AND d.planned_at <= :until ORDER BY d.id DESC LIMIT :limit""")


_ANY = _page("1")
_OF_STATUS = {  # as the partial indexes have them
    "pending": _page("d.status = 'pending'"),
    "failed": _page("d.status IN ('failed', 'skipped')"),
    "skipped": _page("d.status IN ('failed', 'skipped')"),
}


def page(db: Database, wanted: Filter, before: int, limit: int) -> list[DeliveryListed]:
    """The newest first, below that id."""
    query = _OF_STATUS.get(wanted.status or "", _ANY)
    rows = query.rows(db, before=before, limit=limit, **wanted._asdict())
    return [_listed(row) for row in rows]


_ONE = Query(f"{_LISTED} WHERE d.id = :delivery")


def one(db: Database, delivery: int) -> DeliveryListed:
    row = _ONE.row(db, delivery=delivery)
    assert row is not None
    return _listed(row)


def _among(condition: str) -> Query:
    return Query(f"""SELECT id FROM delivery WHERE {condition} AND id > :after AND id <= :last
        AND planned_at >= :since AND planned_at <= :until AND mark IS NOT '{TEST}'
        AND endpoint IN (SELECT value FROM json_each(:endpoints)) ORDER BY id LIMIT :limit""")


_AMONG: dict[Among, Query] = {
    "failed": _among("status IN ('failed', 'skipped')"),
    "finished": _among("status <> 'pending'"),
}


def among(
    db: Database,
    which: Among,
    endpoints: Sequence[int],
    ids: tuple[int, int],
    window: tuple[int, int],
    limit: int,
) -> list[int]:
    """Ids in their order, of what failed, or of all that is not pending; no samples.
    ``ids``: above the first of the two, and up to the second."""
    (after, last), (since, until) = ids, window
    rows = _AMONG[which].rows(
        db,
        after=after,
        last=last,
        since=since,
        until=until,
        endpoints=msgspec.json.encode(list(endpoints)).decode(),
        limit=limit,
    )
    return [id_ for (id_,) in rows]


# By the index of events: batches have a number.
_ADDRESSED = Query(
    f"""SELECT CASE e.origin WHEN 'settings' THEN e.kind ELSE e.id END, d.event, d.first
    FROM delivery d LEFT JOIN endpoint e ON e.id = d.endpoint
    WHERE +d.id > :after AND d.first >= :first AND d.first <= :last AND d.number IS NULL
    AND d.mark IS NOT '{TEST}'"""
)


def addressed(db: Database, after: int, first: int, last: int) -> set[Addressed]:
    """Of the events with those offsets, by the deliveries above that id."""
    return {Addressed(*row) for row in _ADDRESSED.rows(db, after=after, first=first, last=last)}


# CROSS: whatever statistics the file has, the deliveries are read once.
_COUNTS = Query(
    """SELECT e.kind, d.conversation, SUM(d.status = 'pending'), SUM(d.status = 'failed'),
    MAX(CASE d.status WHEN 'delivered' THEN d.finished_at END)
    FROM delivery d
    CROSS JOIN endpoint e ON e.id = d.endpoint
    CROSS JOIN conversation c ON c.id = d.conversation
    WHERE e.origin = 'settings' AND c.kind = 'room'
    AND d.conversation >= :first AND d.conversation <= :last
    GROUP BY e.kind, d.conversation"""
)


def counts(db: Database, first: int, last: int) -> dict[tuple[EndpointKind, int], DeliveryCounts]:
    """By kind and conversation, of the endpoints of the settings; both bounds inclusive."""
    return {
        (kind, conversation): DeliveryCounts(*figures)
        for kind, conversation, *figures in _COUNTS.rows(db, first=first, last=last)
    }


_SESSIONS_AFTER = Query("""SELECT count(*) FROM room_session
    WHERE conversation = :conversation AND left_offset > :offset""")


def sessions_after(db: Database, room: RoomRef, offset: int) -> int:
    """How many ended above that offset."""
    return int(_SESSIONS_AFTER.value(db, conversation=room.id, offset=offset))
