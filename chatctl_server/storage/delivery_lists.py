"""Queries for lists: which deliveries there are, and how far each kind got in each room."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
from peewee import Database

from chatctl_server.domain import event_id
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.storage import conversations
from chatctl_server.storage.deliveries import TEST, Status
from chatctl_server.storage.sql import Row, Statement

SyncStatusKind = Literal["data", "periodic", "chat_history", "session_history", "room_event"]
Among = Literal["failed", "settled"]


class DeliveryListed(msgspec.Struct, frozen=True):
    """With ids as the world knows them; times are microseconds. ``next_try_at``: only of the first
    in its lane. ``last_status`` and ``last_error`` are of the newest try."""

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
    THEN MAX(l.due_at, d.planned_at) END, a.status, a.error
    FROM delivery d
    LEFT JOIN endpoint e ON e.id = d.endpoint
    LEFT JOIN conversation c ON c.id = d.conversation
    LEFT JOIN lane l ON l.endpoint = d.endpoint AND l.conversation = d.conversation
    LEFT JOIN attempt a ON a.delivery = d.id AND a.number = d.tries"""
_ONE = Statement.of_text(f"{_LISTED} WHERE d.id = ?")


def _listed(row: Row) -> DeliveryListed:
    listed = DeliveryListed(*row)
    delivery_id = event_id.make(listed.planned_at, row[0])
    return msgspec.structs.replace(listed, delivery_id=delivery_id)


def _page(condition: str) -> Statement:
    return Statement.of_text(
        f"""{_LISTED} WHERE d.id < ?1 AND {condition}
        AND (?2 IS NULL OR d.endpoint = ?2) AND (?3 IS NULL OR d.conversation = ?3)
        AND (?4 IS NULL OR d.status = ?4) AND (?5 IS NULL OR d.event GLOB ?5)
        AND d.planned_at >= ?6 AND d.planned_at <= ?7 ORDER BY d.id DESC LIMIT ?8"""
    )


_ANY = _page("1")
_OF_STATUS = {  # as the partial indexes have them
    "pending": _page("d.status = 'pending'"),
    "failed": _page("d.status IN ('failed', 'skipped')"),
    "skipped": _page("d.status IN ('failed', 'skipped')"),
}


def _among(condition: str) -> Statement:
    return Statement.of_text(
        f"""SELECT id FROM delivery WHERE {condition} AND id > ? AND id <= ? AND planned_at >= ?
        AND planned_at <= ? AND mark IS NOT '{TEST}'
        AND endpoint IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?"""
    )


_AMONG: dict[Among, Statement] = {
    "failed": _among("status IN ('failed', 'skipped')"),
    "settled": _among("status <> 'pending'"),
}
# By the index of events: batches have a number.
_ADDRESSED = Statement.of_text(
    f"""SELECT CASE e.origin WHEN 'settings' THEN e.kind ELSE e.id END, d.event, d.first
    FROM delivery d LEFT JOIN endpoint e ON e.id = d.endpoint
    WHERE +d.id > ? AND d.first >= ? AND d.first <= ? AND d.number IS NULL
    AND d.mark IS NOT '{TEST}'"""
)
_COUNTS = Statement.of_text(
    """SELECT e.kind, d.conversation, SUM(d.status = 'pending'), SUM(d.status = 'failed'),
    MAX(CASE d.status WHEN 'delivered' THEN d.finished_at END)
    FROM delivery d JOIN endpoint e ON e.id = d.endpoint
    WHERE e.origin = 'settings' AND d.conversation >= ? AND d.conversation <= ?
    GROUP BY e.kind, d.conversation"""
)
_ROOMS = Statement.of_text("SELECT id FROM conversation WHERE id > ? ORDER BY id LIMIT ?")
_SESSIONS_AFTER = Statement.of_text(
    "SELECT COUNT(*) FROM session WHERE conversation = ? AND left_offset > ?"
)


def page(db: Database, wanted: Filter, before: int, limit: int) -> list[DeliveryListed]:
    """The newest first, below that id."""
    query = _OF_STATUS.get(wanted.status or "", _ANY)
    return [_listed(row) for row in query.rows(db, before, *wanted, limit)]


def one(db: Database, delivery: int) -> DeliveryListed:
    row = _ONE.row(db, delivery)
    assert row is not None
    return _listed(row)


def among(
    db: Database,
    which: Among,
    endpoints: Sequence[int],
    ids: tuple[int, int],
    window: tuple[int, int],
    limit: int,
) -> list[int]:
    """Ids in their order, of what was given up, or of all that is not pending; no samples.
    ``ids``: above the first of the two, and up to the second."""
    encoded = msgspec.json.encode(list(endpoints)).decode()
    return [id_ for (id_,) in _AMONG[which].rows(db, *ids, *window, encoded, limit)]


def addressed(db: Database, after: int, first: int, last: int) -> set[Addressed]:
    """Of the events with those offsets, by the deliveries above that id."""
    return {Addressed(*row) for row in _ADDRESSED.rows(db, after, first, last)}


def counts(db: Database, first: int, last: int) -> dict[tuple[EndpointKind, int], DeliveryCounts]:
    """By kind and conversation, of the endpoints of the settings; both bounds inclusive."""
    return {
        (kind, conversation): DeliveryCounts(*figures)
        for kind, conversation, *figures in _COUNTS.rows(db, first, last)
    }


def rooms(db: Database, after: int, limit: int) -> list[conversations.Conversation]:
    """Open and closed ones, in order of creation."""
    found = [conversations.by_id(db, id_) for (id_,) in _ROOMS.rows(db, after, limit)]
    return [room for room in found if room is not None]


def sessions_after(db: Database, conversation: int, offset: int) -> int:
    """How many ended above that offset."""
    return int(_SESSIONS_AFTER.value(db, conversation, offset))
