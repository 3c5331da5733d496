"""The log: the only module that writes the table ``event``; checks of the file read it too.

Offsets number all facts in commit order, from 1. The log is the audit log and is not trimmed;
only the text of a deleted message is taken out of its fact.
"""

import uuid
from collections.abc import Sequence

import msgspec
from peewee import SQL, Database, Select, fn

from chatctl_server.domain import event_id, facts
from chatctl_server.storage.models import Event
from chatctl_server.storage.sql import Bulk, Row, Statement

_COLUMNS = (
    Event.id,
    Event.type,
    Event.conversation,
    Event.actor,
    Event.credential,
    Event.address,
    Event.at,
    Event.payload,
)
_INSERT = Bulk.insert(*_COLUMNS)
_NEWEST = Statement(Event.select(fn.MAX(Event.id)))
_ONE = Statement(Event.select(*_COLUMNS).where(Event.id == 0))
_AFTER = Statement(Event.select(*_COLUMNS).where(Event.id > 0).order_by(Event.id).limit(1))
_OTHERS = Statement(
    Event.select(*_COLUMNS)
    .where((Event.id > 0) & (Event.id <= 0) & (Event.type != ""))
    .order_by(Event.id)
    .limit(1)
)
_WANTED = (
    SQL("(? IS NULL OR type GLOB ?)", [None, None])
    & SQL("(? IS NULL OR conversation = ?)", [None, None])
    & SQL("(? IS NULL OR actor = ?)", [None, None])
)
_FOUND = Statement(
    Event.select(*_COLUMNS)
    .where((Event.id > 0) & (Event.id <= 0) & _WANTED)
    .order_by(Event.id)
    .limit(1)
)
_FOUND_LAST = Statement(
    Event.select(*_COLUMNS).where((Event.id > 0) & _WANTED).order_by(Event.id.desc()).limit(1)
)
_AT = Statement(Event.select(Event.at).where(Event.id == 0))
FEW = "type NOT IN ('message.posted', 'session.joined', 'session.left')"  # as the index has it
_BETWEEN = Statement(
    Event.select(*_COLUMNS)
    .where((Event.conversation == 0) & SQL(FEW) & (Event.id > 0) & (Event.id <= 0))
    .order_by(Event.id)
    .limit(1)
)
_SOME_BETWEEN = (
    Event.select(Event.id).where((Event.conversation == 0) & SQL(FEW) & (Event.id > 0)).limit(1)
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
_REDACT = Statement(Event.update({Event.payload: ""}).where(Event.id == 0))


END = 2**62  # above every offset
PAGE_BYTES = 256 * 1024
SCAN = 200_000  # facts that one query looks at, where the whole log is looked through


class Wanted(msgspec.Struct, frozen=True):
    """What is asked of the log; None means anything. ``type_glob`` is as in a shell."""

    type_glob: str | None = None
    conversation: int | None = None
    actor: str | None = None


def append(db: Database, recorded: Sequence[facts.Recorded]) -> None:
    _INSERT.run(db, [_row(entry) for entry in recorded])


def newest_offset(db: Database) -> int:
    """0 for an empty log."""
    return _NEWEST.value(db) or 0


def read_after(db: Database, offset: int, limit: int) -> list[facts.Recorded]:
    return [_recorded(row) for row in _AFTER.rows(db, offset, limit)]


def read_but_posts(db: Database, offset: int, limit: int) -> tuple[list[facts.Recorded], int]:
    """The next facts that are no posted messages, and the offset up to which there is no other:
    that of the newest fact, or one before it, from where there may be more."""
    end = max(offset, min(newest_offset(db), offset + SCAN))
    found = [
        _recorded(row) for row in _OTHERS.rows(db, offset, end, facts.MessagePosted.type, limit)
    ]
    return found, found[-1].offset if len(found) == limit else end


def one(db: Database, offset: int) -> facts.Recorded | None:
    row = _ONE.row(db, offset)
    return None if row is None else _recorded(row)


def find_after(
    db: Database, wanted: Wanted, offset: int, limit: int, until: int = END
) -> list[facts.Recorded]:
    return [_recorded(row) for row in _FOUND.rows(db, offset, until, *_given(wanted), limit)]


def find_last(db: Database, wanted: Wanted, offset: int, limit: int) -> list[facts.Recorded]:
    """The newest ``limit`` of those above the offset, oldest first."""
    rows = _FOUND_LAST.rows(db, offset, *_given(wanted), limit)
    return [_recorded(row) for row in reversed(rows)]


def _given(wanted: Wanted) -> tuple[str | int | None, ...]:
    pairs = (wanted.type_glob, wanted.conversation, wanted.actor)
    return tuple(value for value in pairs for _ in range(2))


def read_few(
    db: Database, conversation: int, after: int, until: int, limit: int
) -> list[facts.Recorded]:
    """A conversation's facts that are no messages or sessions, with after < offset <= until, up
    to ``limit`` or 256 KiB of them, but at least one if there is one."""
    found: list[facts.Recorded] = []
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
    """The offset before the first fact of that time or later, by bisection.

    Facts have the wall clock's times: where it was set back, the answer is that of one of the
    places in question.
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
    """Takes the text out of a posted message's fact; all else of it stays."""
    row = _ONE.row(db, offset)
    if row is None:
        return
    fact = _recorded(row).fact
    if isinstance(fact, facts.MessagePosted):
        emptied = msgspec.structs.replace(fact, content="")
        _REDACT.run(db, facts.encode(emptied).decode(), offset)


def _row(
    entry: facts.Recorded,
) -> tuple[int, str, int | None, str | None, str, str | None, int, str]:
    actor = entry.actor
    return (
        entry.offset,
        facts.type_name(entry.fact),
        entry.conversation,
        actor.user_id,
        actor.credential,
        actor.address,
        entry.at,
        facts.encode(entry.fact).decode(),
    )


def _recorded(row: Row) -> facts.Recorded:
    offset, type_name, conversation, actor, credential, address, at, payload = row
    return facts.Recorded(
        offset=offset,
        at=at,
        conversation=conversation,
        actor=facts.Actor(actor, credential, address),
        fact=facts.decode(type_name, payload),
    )
