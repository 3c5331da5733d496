"""The log: the only module that writes the table ``event``; checks of the file read it too.

Offsets number all events in commit order. The log is the audit log and is not trimmed; only the
text of an erased message is taken out of its event, and the events of a purged conversation with
it: these leave holes.
"""

from collections.abc import Iterable, Sequence

import msgspec

from chatctl_server.domain import event_id, events
from chatctl_server.domain.references import ConversationRef, SupportRef
from chatctl_server.storage.sql import Bulk, Database, Query, Row

REMOVED = "purged_event"  # the counter of the events that are not in the log any more
END = 2**62  # above every offset
PAGE_BYTES = 256 * 1024
SCAN = 200_000  # events that one query looks at, where the whole log is looked through

COLUMNS = "id, type, scope, conversation, actor, credential, address, at, payload"
_INSERT = Bulk(
    "INSERT INTO event ({columns}) VALUES {rows}",
    "id, type, class, scope, conversation, actor, credential, address, at, payload",
)
_NEWEST = Query("SELECT max(id) FROM event")
_NEWEST_AT = Query("SELECT at FROM event ORDER BY id DESC LIMIT 1")
_ONE = Query(f"SELECT {COLUMNS} FROM event WHERE id = :offset")
_AFTER = Query(f"SELECT {COLUMNS} FROM event WHERE id > :after ORDER BY id LIMIT :limit")
_BETWEEN = Query(
    "SELECT at, id FROM event WHERE id > :after AND id <= :until ORDER BY id LIMIT :limit"
)
_BUT_POSTS = Query(f"""SELECT {COLUMNS} FROM event
    WHERE id > :after AND id <= :until AND type != 'message.posted' ORDER BY id LIMIT :limit""")
_WANTED = """(:type_glob IS NULL OR type GLOB :type_glob)
    AND (:conversation IS NULL OR conversation = :conversation)
    AND (:actor IS NULL OR actor = :actor) AND (:scope IS NULL OR scope = :scope)"""
_FOUND = Query(f"""SELECT {COLUMNS} FROM event
    WHERE id > :after AND id <= :until AND {_WANTED} ORDER BY id LIMIT :limit""")
_FOUND_LAST = Query(f"""SELECT {COLUMNS} FROM event
    WHERE id > :after AND id <= :until AND {_WANTED} ORDER BY id DESC LIMIT :limit""")
_AT_OR_BEHIND = Query("SELECT at FROM event WHERE id >= :offset ORDER BY id LIMIT 1")
_STATE = Query(f"""SELECT {COLUMNS} FROM event
    WHERE conversation = :conversation AND class = 'state' AND id > :after AND id <= :until
    ORDER BY id LIMIT :limit""")
_COUNT_STATE = Query("""SELECT count(*) FROM (
        SELECT 1 FROM event WHERE conversation = :conversation AND class = 'state' AND id > :after
        LIMIT :limit)""")
_OF_PURGED = Query("""SELECT id FROM event WHERE id > :after AND id <= :until
    AND conversation IN (SELECT id FROM conversation WHERE kind = 'purged')
    AND type NOT GLOB '*.created' AND type NOT GLOB '*.purged' ORDER BY id LIMIT :limit""")
_FIRST_OF_PURGED = Query("""SELECT min(id) FROM event WHERE class = 'state'
    AND conversation IN (SELECT id FROM conversation WHERE kind = 'purged')""")
_REMOVE = Query(
    "DELETE FROM event WHERE id IN (SELECT value FROM json_each(:offsets)) RETURNING id"
)
_REMOVE_CREATED = Query("""DELETE FROM event
    WHERE conversation = :conversation AND class = 'state' AND type GLOB '*.created'
    RETURNING id""")
_TYPES = Query("SELECT value FROM json_each(:names) WHERE value GLOB :type_glob")
_OF_ACCOUNT = Query("""SELECT id, type, payload FROM event INDEXED BY event_account
    WHERE json_extract(payload, '$.account_id') = :account
    AND type >= 'account.' AND type < 'account/'""")
_OF_CUSTOMER = Query("""SELECT id, type, payload FROM event INDEXED BY event_customer
    WHERE json_extract(payload, '$.customer_id') = :customer
    AND type >= 'customer.' AND type < 'customer/'""")
_SAID_BESIDE = Query("""SELECT e.id, e.type, e.payload
    FROM support u JOIN event e INDEXED BY event_conversation
    ON e.conversation = u.conversation AND e.scope > 1 AND e.class IN ('message', 'state')
    WHERE u.customer = :customer AND (e.type = 'support.rated'
        OR (e.type = 'support.file_added' AND e.payload ->> '$.sender' = :customer))""")
_FILE_ADDED = Query("""SELECT id, type, payload FROM event INDEXED BY event_conversation
    WHERE conversation = :conversation AND scope > 1 AND class IN ('message', 'state')
    AND type = 'support.file_added'
    AND payload ->> '$.hash' = :hash AND payload ->> '$.extension' = :extension""")
# Storing a file is told right before it is added to the conversation.
_FORGET_ADDRESSES = Query("""WITH mine AS (
        SELECT e.id, e.type FROM support u JOIN event e INDEXED BY event_conversation
        ON e.conversation = u.conversation AND e.scope > 1 AND e.class IN ('message', 'state')
        WHERE u.customer = :customer AND e.actor = :customer)
    UPDATE event SET address = NULL WHERE id IN (SELECT id FROM mine
        UNION ALL SELECT id - 1 FROM mine WHERE type = 'support.file_added')
    AND actor = :customer""")
_FORGET_FIRST_ADDRESSES = Query("""UPDATE event INDEXED BY event_customer SET address = NULL
    WHERE json_extract(payload, '$.customer_id') = :customer AND credential = 'visitor'
    AND type >= 'customer.' AND type < 'customer/'""")
_REDACT = Query("UPDATE event SET payload = :payload WHERE id = :offset")


class EventFilter(msgspec.Struct, frozen=True):
    """What is asked of the log; None means anything. ``type_glob`` is as in a shell."""

    type_glob: str | None = None
    conversation: int | None = None
    actor: str | None = None
    scope: int | None = None


def append(db: Database, recorded: Sequence[events.Event]) -> None:
    _INSERT.run(db, [_row(entry) for entry in recorded])


def newest_offset(db: Database) -> int:
    """0 for an empty log."""
    return _NEWEST.value(db) or 0


def newest_at(db: Database) -> int:
    """The time of the newest event, which no later one's is before; 0 for an empty log."""
    return _NEWEST_AT.value(db) or 0


def read_after(db: Database, offset: int, limit: int) -> list[events.Event]:
    return _events(_AFTER.rows(db, after=offset, limit=limit))


def read_but_posts(db: Database, offset: int, limit: int) -> tuple[list[events.Event], int]:
    """The next events that are no posted messages, and the offset up to which there is no other:
    that of the newest event, or one before it, from where there may be more."""
    end = max(offset, min(newest_offset(db), offset + SCAN))
    found = _events(_BUT_POSTS.rows(db, after=offset, until=end, limit=limit))
    return found, found[-1].offset if len(found) == limit else end


def one(db: Database, offset: int) -> events.Event | None:
    row = _ONE.row(db, offset=offset)
    return None if row is None else event(row)


def find_after(
    db: Database, wanted: EventFilter, offset: int, limit: int, until: int = END
) -> list[events.Event]:
    asked = msgspec.structs.asdict(wanted)
    return _events(_FOUND.rows(db, after=offset, until=until, limit=limit, **asked))


def find_last(
    db: Database, wanted: EventFilter, offset: int, limit: int, until: int = END
) -> list[events.Event]:
    """The newest ``limit`` of those above the offset, oldest first."""
    asked = msgspec.structs.asdict(wanted)
    rows = _FOUND_LAST.rows(db, after=offset, until=until, limit=limit, **asked)
    return _events(reversed(rows))


def types_like(db: Database, type_glob: str) -> frozenset[str]:
    """The types that fit, as the database sees it."""
    names = msgspec.json.encode(events.TYPE_NAMES).decode()
    return frozenset(name for (name,) in _TYPES.rows(db, names=names, type_glob=type_glob))


def read_state(
    db: Database, ref: ConversationRef, after: int, until: int, limit: int
) -> list[events.Event]:
    """A conversation's state events with after < offset <= until, up to ``limit`` or 256 KiB of
    them, but at least one if there is one."""
    found: list[events.Event] = []
    size = 0
    for row in _STATE.each(db, conversation=ref.id, after=after, until=until, limit=limit):
        size += len(row[-1])
        if found and size > PAGE_BYTES:
            break
        found.append(event(row))
    return found


def count_state(db: Database, ref: ConversationRef, after: int, limit: int) -> int:
    """How many of those there are after the offset, counted up to the limit."""
    return int(_COUNT_STATE.value(db, conversation=ref.id, after=after, limit=limit))


def find(db: Database, wanted: str) -> int | None:
    """The offset of an event id, or of the only one that begins so; None when this log never held
    it. One that was removed with its conversation is taken at its word: only so can its reader go
    on behind it. Raises Ambiguous."""
    span = event_id.span(wanted.lower())
    if span is None:
        return None
    after, until = span.first - 1, span.last
    if not span.is_whole:
        after = max(after, offset_at(db, span.since))
        until = min(until, offset_at(db, span.until + 1))
    rows = _BETWEEN.rows(db, after=after, until=until, limit=event_id.CANDIDATES)
    if span.is_whole and not rows and 0 < until < newest_offset(db):
        return until
    return event_id.only(wanted.lower(), rows, "events")


def offset_at(db: Database, at: int) -> int:
    """The offset before the first event of that time or later, by bisection: times never fall."""
    low, high = 0, newest_offset(db)
    while low < high:
        middle = (low + high) // 2
        if _AT_OR_BEHIND.value(db, offset=middle + 1) < at:
            low = middle + 1
        else:
            high = middle
    return low


def of_purged(db: Database, after: int, limit: int) -> tuple[list[int], int]:
    """The next offsets of events of purged conversations, but for those of their creation and of
    their end, and the offset up to which there is no other."""
    after = max(after, _FIRST_OF_PURGED.value(db) or 0)
    end = max(after, min(newest_offset(db), after + SCAN))
    found = [each for (each,) in _OF_PURGED.rows(db, after=after, until=end, limit=limit)]
    return found, found[-1] if len(found) == limit else end


def remove(db: Database, offsets: Sequence[int]) -> int:
    """How many there were."""
    return len(_REMOVE.rows(db, offsets=msgspec.json.encode(offsets).decode()))


def remove_creation(db: Database, ref: ConversationRef) -> int:
    """What a conversation began with: without it, replaying the log knows no such conversation.
    How many events there were."""
    return len(_REMOVE_CREATED.rows(db, conversation=ref.id))


def redact_message(db: Database, offset: int) -> None:
    """Takes the text out of the event that posted or edited a message; all else of it stays."""
    found = one(db, offset)
    if found is not None and isinstance(found.payload, events.WITH_TEXT):
        emptied = events.without_text(found.payload)
        _REDACT.run(db, payload=events.encode(emptied).decode(), offset=offset)


def redact_name(db: Database, offset: int) -> None:
    """Takes the sender's name out of the event that posted or edited a message."""
    found = one(db, offset)
    if found is not None and isinstance(found.payload, events.WITH_TEXT):
        nameless = msgspec.structs.replace(found.payload, nickname="")
        _REDACT.run(db, payload=events.encode(nameless).decode(), offset=offset)


def redact_account(db: Database, account: int) -> None:
    """Takes what names a person out of the events that made and changed an account."""
    _redact_names(db, _OF_ACCOUNT.rows(db, account=account))


def redact_customer(db: Database, customer: str) -> None:
    """Takes what names a customer out of the events that made and changed them, and what they said
    with a rating or called a file; and their addresses out of what they did."""
    _redact_names(db, _OF_CUSTOMER.rows(db, customer=customer))
    _redact_names(db, _SAID_BESIDE.rows(db, customer=customer))
    _FORGET_ADDRESSES.run(db, customer=customer)
    _FORGET_FIRST_ADDRESSES.run(db, customer=customer)


def redact_file(db: Database, ref: SupportRef, hash: str, extension: str) -> None:  # noqa: A002
    """Takes out what a file was called that was uploaded to a conversation."""
    rows = _FILE_ADDED.rows(db, conversation=ref.id, hash=hash, extension=extension)
    _redact_names(db, rows)


def _redact_names(db: Database, rows: Iterable[Row]) -> None:
    for offset, type_name, payload in rows:
        named = events.decode(type_name, payload)
        nameless = events.without_name(named)
        if nameless != named:
            _REDACT.run(db, payload=events.encode(nameless).decode(), offset=offset)


def _row(entry: events.Event) -> tuple[int | str | None, ...]:
    actor = entry.actor
    type_name, event_class = events.name_and_class(entry.payload)
    return (
        entry.offset,
        type_name,
        event_class,
        entry.scope,
        entry.conversation,
        actor.user_id,
        actor.credential,
        actor.address,
        entry.at,
        events.encode(entry.payload).decode(),
    )


def _events(rows: Iterable[Row]) -> list[events.Event]:
    return [event(row) for row in rows]


def event(row: Row) -> events.Event:
    """From the columns ``COLUMNS``. Raises msgspec.DecodeError for a damaged payload."""
    offset, type_name, scope, conversation, actor, credential, address, at, payload = row
    return events.Event(
        offset=offset,
        at=at,
        scope=scope,
        conversation=conversation,
        actor=events.Actor(actor, credential, address),
        payload=events.decode(type_name, payload),
    )
