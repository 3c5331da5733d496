"""The log: the only module that writes the table ``event``; checks of the file read it too.

Offsets number all events in commit order, from 1. The log is the audit log and is not trimmed;
only the text of a deleted message is taken out of its event.
"""

import uuid
from collections.abc import Sequence

import msgspec
from peewee import SQL, Database, Select, fn

from chatctl_server.domain import event_id, events
from chatctl_server.storage.models import EventTable
from chatctl_server.storage.sql import Bulk, Row, Statement

_COLUMNS = (
    EventTable.id,
    EventTable.type,
    EventTable.conversation,
    EventTable.actor,
    EventTable.credential,
    EventTable.address,
    EventTable.at,
    EventTable.payload,
)
_INSERT = Bulk.insert(*_COLUMNS)
_NEWEST = Statement(EventTable.select(fn.MAX(EventTable.id)))
_ONE = Statement(EventTable.select(*_COLUMNS).where(EventTable.id == 0))
_AFTER = Statement(
    EventTable.select(*_COLUMNS).where(EventTable.id > 0).order_by(EventTable.id).limit(1)
)
_OTHERS = Statement(
    EventTable.select(*_COLUMNS)
    .where((EventTable.id > 0) & (EventTable.id <= 0) & (EventTable.type != ""))
    .order_by(EventTable.id)
    .limit(1)
)
_WANTED = (
    SQL("(? IS NULL OR type GLOB ?)", [None, None])
    & SQL("(? IS NULL OR conversation = ?)", [None, None])
    & SQL("(? IS NULL OR actor = ?)", [None, None])
)
_FOUND = Statement(
    EventTable.select(*_COLUMNS)
    .where((EventTable.id > 0) & (EventTable.id <= 0) & _WANTED)
    .order_by(EventTable.id)
    .limit(1)
)
_FOUND_LAST = Statement(
    EventTable.select(*_COLUMNS)
    .where((EventTable.id > 0) & _WANTED)
    .order_by(EventTable.id.desc())
    .limit(1)
)
_AT = Statement(EventTable.select(EventTable.at).where(EventTable.id == 0))
FEW = "type NOT IN ('message.posted', 'session.joined', 'session.left')"  # as the index has it
_BETWEEN = Statement(
    EventTable.select(*_COLUMNS)
    .where((EventTable.conversation == 0) & SQL(FEW) & (EventTable.id > 0) & (EventTable.id <= 0))
    .order_by(EventTable.id)
    .limit(1)
)
_SOME_BETWEEN = (
    EventTable.select(EventTable.id)
    .where((EventTable.conversation == 0) & SQL(FEW) & (EventTable.id > 0))
    .limit(1)
)
_COUNT_BETWEEN = Statement(Select([_SOME_BETWEEN], [fn.COUNT(SQL("*"))]))
_ADMIN_REMOVED_AT = Statement.of_text(
    f"""SELECT at FROM event
    WHERE conversation = ?1 AND {FEW} AND type = 'room.admins_set' AND id > (
        SELECT id FROM event
        WHERE conversation = ?1 AND {FEW} AND type IN ('room.created', 'room.admins_set')
        AND EXISTS (SELECT 1 FROM json_each(payload, '$.admins') WHERE value = ?2)
        ORDER BY id DESC LIMIT 1)
    ORDER BY id LIMIT 1"""
)
_REDACT = Statement(EventTable.update({EventTable.payload: ""}).where(EventTable.id == 0))


END = 2**62  # above every offset
PAGE_BYTES = 256 * 1024
SCAN = 200_000  # events that one query looks at, where the whole log is looked through


class Wanted(msgspec.Struct, frozen=True):
    """What is asked of the log; None means anything. ``type_glob`` is as in a shell."""

    type_glob: str | None = None
    conversation: int | None = None
    actor: str | None = None


def append(db: Database, recorded: Sequence[events.Event]) -> None:
    _INSERT.run(db, [_row(entry) for entry in recorded])


def newest_offset(db: Database) -> int:
    """0 for an empty log."""
    return _NEWEST.value(db) or 0


def read_after(db: Database, offset: int, limit: int) -> list[events.Event]:
    return [_recorded(row) for row in _AFTER.rows(db, offset, limit)]


def read_but_posts(db: Database, offset: int, limit: int) -> tuple[list[events.Event], int]:
    """The next events that are no posted messages, and the offset up to which there is no other:
    that of the newest event, or one before it, from where there may be more."""
    end = max(offset, min(newest_offset(db), offset + SCAN))
    found = [
        _recorded(row) for row in _OTHERS.rows(db, offset, end, events.MessagePosted.type, limit)
    ]
    return found, found[-1].offset if len(found) == limit else end


def one(db: Database, offset: int) -> events.Event | None:
    row = _ONE.row(db, offset)
    return None if row is None else _recorded(row)


def find_after(
    db: Database, wanted: Wanted, offset: int, limit: int, until: int = END
) -> list[events.Event]:
    return [_recorded(row) for row in _FOUND.rows(db, offset, until, *_given(wanted), limit)]


def find_last(db: Database, wanted: Wanted, offset: int, limit: int) -> list[events.Event]:
    """The newest ``limit`` of those above the offset, oldest first."""
    rows = _FOUND_LAST.rows(db, offset, *_given(wanted), limit)
    return [_recorded(row) for row in reversed(rows)]


def _given(wanted: Wanted) -> tuple[str | int | None, ...]:
    pairs = (wanted.type_glob, wanted.conversation, wanted.actor)
    return tuple(value for value in pairs for _ in range(2))


def read_few(
    db: Database, conversation: int, after: int, until: int, limit: int
) -> list[events.Event]:
    """A conversation's events that are no messages or sessions, with after < offset <= until, up
    to ``limit`` or 256 KiB of them, but at least one if there is one."""
    found: list[events.Event] = []
    size = 0
    for row in _BETWEEN.each(db, conversation, after, until, limit):
        size += len(row[-1])
        if found and size > PAGE_BYTES:
            break
        found.append(_recorded(row))
    return found


def count_few(db: Database, conversation: int, after: int, limit: int) -> int:
    """How many of those there are after the offset, counted up to the limit."""
    return int(_COUNT_BETWEEN.value(db, conversation, after, limit))


def admin_removed_at(db: Database, conversation: int, user_id: str) -> int | None:
    """When the user, who is no admin of the room, ceased to be one; None when they never were."""
    found: int | None = _ADMIN_REMOVED_AT.value(db, conversation, user_id)
    return found


def find(db: Database, wanted: str) -> int | None:
    """The offset of an event id, or None when this log does not hold it."""
    try:
        offset = event_id.offset_of(uuid.UUID(wanted))
    except ValueError:
        return None
    row = _ONE.row(db, offset)
    if row is None or event_id.make(row[6], row[0]) != str(uuid.UUID(wanted)):
        return None
    return offset


def offset_at(db: Database, at: int) -> int:
    """The offset before the first event of that time or later, by bisection.

    Events have the wall clock's times: where it was set back, the answer is that of one of the
    places in query.
    """
    low, high = 0, newest_offset(db)
    while low < high:
        middle = (low + high) // 2
        if _AT.value(db, middle + 1) < at:
            low = middle + 1
        else:
            high = middle
    return low


def redact_message(db: Database, offset: int) -> None:
    """Takes the text out of a posted message's event; all else of it stays."""
    row = _ONE.row(db, offset)
    if row is None:
        return
    payload = _recorded(row).payload
    if isinstance(payload, events.MessagePosted):
        emptied = msgspec.structs.replace(payload, content="")
        _REDACT.run(db, events.encode(emptied).decode(), offset)


def _row(
    entry: events.Event,
) -> tuple[int, str, int | None, str | None, str, str | None, int, str]:
    actor = entry.actor
    return (
        entry.offset,
        events.type_name(entry.payload),
        entry.conversation,
        actor.user_id,
        actor.credential,
        actor.address,
        entry.at,
        events.encode(entry.payload).decode(),
    )


def _recorded(row: Row) -> events.Event:
    offset, type_name, conversation, actor, credential, address, at, payload = row
    return events.Event(
        offset=offset,
        at=at,
        conversation=conversation,
        actor=events.Actor(actor, credential, address),
        payload=events.decode(type_name, payload),
    )
