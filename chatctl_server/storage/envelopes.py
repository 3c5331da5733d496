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
from chatctl_server.storage.sql import Database, Query, Row

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
    found: list[FoundEnvelope]
    has_more: bool


_EVENT = ", ".join(f"e.{name}" for name in log.COLUMNS.split(", "))
# An offset that was taken of a site which is gone would be missed: the page would seem to be whole.
_OFFSETS = """SELECT event_offset FROM envelope v WHERE {whose}
        AND v.event_offset > :after AND v.event_offset <= :until
        AND (:types IS NULL OR v.type IN (SELECT value FROM json_each(:types)))
        AND (:conversation IS NULL OR v.conversation = (
            SELECT id FROM conversation WHERE public_id = :conversation))
    ORDER BY v.event_offset LIMIT :limit"""
_THERE = "v.scope IN (SELECT scope FROM site WHERE deleted_at IS NULL)"
_AGENTS = f"v.workspace = :workspace AND (:scope IS NULL OR v.scope = :scope) AND {_THERE}"
_VISITORS = f"""v.conversation IN (SELECT conversation FROM support WHERE customer = :customer)
        AND v.is_private = 0 AND {_THERE}"""


def _page_of(whose: str) -> Query:
    return Query(f"""SELECT {_EVENT}, s.id FROM event e JOIN site s ON s.scope = e.scope
        WHERE e.id IN ({_OFFSETS.format(whose=whose)}) ORDER BY e.id""")


_OF_AGENT = _page_of(_AGENTS)
_OF_VISITOR = _page_of(_VISITORS)
_NEWEST_OF_AGENT = Query(f"""SELECT event_offset FROM envelope v WHERE {_AGENTS}
    ORDER BY event_offset DESC LIMIT 1""")
_NEWEST_OF_VISITOR = Query(f"SELECT max(event_offset) FROM envelope v WHERE {_VISITORS}")
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
    """Oldest first, those above an offset."""
    until = log.END
    if wanted.since is not None:
        after = max(after, log.offset_at(db, wanted.since))
    if wanted.until is not None:
        until = log.offset_at(db, wanted.until + 1)
    asked = {
        "after": after,
        "until": until,
        "types": None if wanted.types is None else msgspec.json.encode(list(wanted.types)).decode(),
        "conversation": wanted.conversation,
        "limit": limit + 1,
    }
    if who.customer is not None:
        rows = _OF_VISITOR.rows(db, customer=who.customer, **asked)
    else:
        rows = [
            row
            for workspace in who.roles
            for row in _OF_AGENT.rows(db, workspace=workspace, scope=who.only_site, **asked)
        ]
        rows.sort(key=lambda row: row[0])
    return EnvelopePage([_found(row) for row in rows[:limit]], len(rows) > limit)


def last_public_at(db: Database, ref: SupportRef) -> int | None:
    """When something happened last that the visitor of a conversation was told, but for erasures,
    which may come long after."""
    found: int | None = _LAST_PUBLIC_AT.value(db, conversation=ref.id)
    return found


def newest(db: Database, who: Person) -> str | None:
    """The id of the newest one that the caller may see."""
    if who.customer is not None:
        offset = _NEWEST_OF_VISITOR.value(db, customer=who.customer)
    else:
        asked = ({"workspace": each, "scope": who.only_site} for each in who.roles)
        offset = max((_NEWEST_OF_AGENT.value(db, **each) or 0 for each in asked), default=0)
    return event_id.make(_AT.value(db, offset=offset), offset) if offset else None


def _found(row: Row) -> FoundEnvelope:
    return FoundEnvelope(log.event(row[:-1]), row[-1])
