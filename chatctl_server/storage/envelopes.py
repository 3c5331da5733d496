"""The log as the support desk's clients read it: the events that are envelopes, after a position,
for whoever may see them."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from chatctl_server.domain import event_id, events
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import log
from chatctl_server.storage.sql import Database, Query, Row, Value

COMMIT_MICROSECONDS = 60 * SECOND  # from an event's time to when it is told, at most


class FoundEnvelope(NamedTuple):
    """An event, with the id that clients know of its site."""

    entry: events.Event
    site: str


class EnvelopeFilter(NamedTuple):
    """``types``: short names; None is any. Times in microseconds, both inclusive."""

    types: Collection[str] | None = None
    conversation: str | None = None
    since: int | None = None
    until: int | None = None


class EnvelopePage(NamedTuple):
    """``has_more``: another one that was asked for is known to be there. ``looked_to``: the offset
    behind which there may be others; ``log.END``: there are none."""

    found: list[FoundEnvelope]
    has_more: bool
    looked_to: int


SCAN = 20_000  # envelopes of a workspace that one query looks at
_EVENT = ", ".join(f"e.{name}" for name in log.COLUMNS.split(", "))
# An offset that was taken of a site which is gone would be missed: the page would seem to be whole.
_WANTED = """(:types IS NULL OR v.type IN (SELECT value FROM json_each(:types)))
    AND v.scope IN (SELECT scope FROM site WHERE deleted_at IS NULL)"""
_RANGE = "v.event_offset > :after AND v.event_offset <= :until"
_OF_SCOPE = "(:scope IS NULL OR v.scope = :scope)"
_OF_CUSTOMER = """v.conversation IN (SELECT conversation FROM support
        WHERE customer = :customer AND (:conversation IS NULL OR conversation = :conversation))
    AND v.is_private = 0"""


def _page_of(envelopes: str) -> Query:
    return Query(f"""SELECT {_EVENT}, s.id FROM event e JOIN site s ON s.scope = e.scope
        WHERE e.id IN (SELECT v.event_offset FROM {envelopes} AND {_WANTED}
            ORDER BY v.event_offset LIMIT :limit) ORDER BY e.id""")


# What is rare among a workspace's is looked for in steps.
_OF_WORKSPACE = _page_of(f"""(SELECT * FROM envelope v WHERE v.workspace = :workspace AND {_RANGE}
        ORDER BY v.event_offset LIMIT :scan) v WHERE {_OF_SCOPE}""")
_LOOKED_TO = Query(f"""SELECT event_offset FROM envelope v
    WHERE v.workspace = :workspace AND {_RANGE}
    ORDER BY v.event_offset LIMIT 1 OFFSET :scan - 1""")
# The + keeps it from looking at the whole workspace's.
_OF_CONVERSATION = _page_of(f"""envelope v WHERE v.conversation = :conversation
    AND +v.workspace = :workspace AND {_RANGE} AND {_OF_SCOPE}""")
_OF_VISITOR = _page_of(f"envelope v WHERE {_OF_CUSTOMER} AND {_RANGE}")
_CONVERSATION = Query("SELECT id FROM conversation WHERE public_id = :public_id")
_NEWEST_OF_WORKSPACE = Query(f"""SELECT v.event_offset FROM envelope v
    WHERE v.workspace = :workspace AND {_OF_SCOPE} AND {_WANTED}
    ORDER BY v.event_offset DESC LIMIT 1""")
_NEWEST_OF_VISITOR = Query(
    f"SELECT max(v.event_offset) FROM envelope v WHERE {_OF_CUSTOMER} AND {_WANTED}"
)
_LAST_PUBLIC_AT = Query("""SELECT e.at FROM envelope v JOIN event e ON e.id = v.event_offset
    WHERE v.conversation = :conversation AND v.is_private = 0 AND e.type <> 'message.erased'
    ORDER BY v.event_offset DESC LIMIT 1""")
_AT = Query("SELECT at FROM event WHERE id = :offset")
_NEXT_AT = Query("SELECT at FROM event WHERE id > :offset ORDER BY id LIMIT 1")


def position(db: Database, given: str) -> int | None:
    """The offset in an event's id, or in that of a ``system.welcome``, which was made behind the
    event with that offset, before the next was told; None for what this log never gave out."""
    wanted = given.lower()
    span = event_id.span(wanted)
    if span is None or not span.is_whole or event_id.make(span.since, span.first) != wanted:
        return None
    offset = span.first
    if offset > log.newest_offset(db):
        return None
    before = _AT.value(db, offset=offset)
    behind = _NEXT_AT.value(db, offset=offset)
    is_late = behind is not None and span.since > behind + COMMIT_MICROSECONDS
    return None if is_late or (before is not None and span.since < before) else offset


def page(db: Database, who: Person, wanted: EnvelopeFilter, after: int, limit: int) -> EnvelopePage:
    """Oldest first, those above an offset; it may end before it has found so many, or any."""
    until = log.END
    if wanted.since is not None:
        after = max(after, log.offset_at(db, wanted.since))
    if wanted.until is not None:
        until = log.offset_at(db, wanted.until + 1)
    asked: dict[str, Value] = {
        "after": after,
        "until": until,
        "types": None if wanted.types is None else msgspec.json.encode(list(wanted.types)).decode(),
        "conversation": _conversation(db, wanted.conversation),
        "limit": limit + 1,
    }
    if who.customer is not None:
        rows, looked_to = _OF_VISITOR.rows(db, customer=who.customer, **asked), log.END
    else:
        rows, looked_to = _of_agent(db, who, asked, limit)
    found = [_found(row) for row in rows[:limit]]
    if len(rows) > limit:
        return EnvelopePage(found, True, found[-1].entry.offset if found else after)
    return EnvelopePage(found, False, looked_to)


def _conversation(db: Database, public_id: str | None) -> int | None:
    """Its number; 0 for one that is not there."""
    return None if public_id is None else _CONVERSATION.value(db, public_id=public_id) or 0


def _of_agent(
    db: Database, who: Person, asked: dict[str, Value], limit: int
) -> tuple[list[Row], int]:
    """Of all their workspaces, and up to where none is missing."""
    rows: list[Row] = []
    looked_to = log.END
    for each in who.roles:
        mine: dict[str, Value] = {"workspace": each, "scope": who.only_site, **asked, "scan": SCAN}
        if asked["conversation"] is not None:
            rows += _OF_CONVERSATION.rows(db, **mine)
            continue
        found = _OF_WORKSPACE.rows(db, **mine)
        if len(found) <= limit:
            looked_to = min(looked_to, _LOOKED_TO.value(db, **mine) or log.END)
        rows += found
    return sorted(row for row in rows if row[0] <= looked_to), looked_to


def last_public_at(db: Database, ref: SupportRef) -> int | None:
    """When something happened last that the visitor of a conversation was told, but for erasures,
    which may come long after."""
    found: int | None = _LAST_PUBLIC_AT.value(db, conversation=ref.id)
    return found


def newest(db: Database, who: Person) -> str | None:
    """The id of the newest one that the caller may see."""
    if who.customer is not None:
        offset = _NEWEST_OF_VISITOR.value(db, customer=who.customer, conversation=None, types=None)
    else:
        asked = ({"workspace": each, "scope": who.only_site} for each in who.roles)
        found = (_NEWEST_OF_WORKSPACE.value(db, types=None, **each) or 0 for each in asked)
        offset = max(found, default=0)
    return event_id.make(_AT.value(db, offset=offset), offset) if offset else None


def _found(row: Row) -> FoundEnvelope:
    return FoundEnvelope(log.event(row[:-1]), row[-1])
