"""Queries about messages. Pages are ranges of seq: no OFFSET, no COUNT."""

from collections.abc import Collection, Iterable

import msgspec

from chatctl_server.domain.events import MessageKind, Role, SenderKind
from chatctl_server.domain.references import CLASS_OF, ConversationRef
from chatctl_server.storage import counters
from chatctl_server.storage.sql import Database, Query, Row

REMOVED = "purged_message"  # the counter of those that went with their conversation
PAGE_BYTES = 256 * 1024
NEVER = 2**62  # when a ban or a mute ends that has no end


class Message(msgspec.Struct, frozen=True):
    """A row of ``message``, as it is stored: ``is_admin`` is 0 or 1, ``attachments`` and
    ``mentions`` are JSON arrays or None. ``content`` of an erased one is empty, of one that is only
    deleted it is not, and no view shows it."""

    id: int
    conversation: int
    seq: int
    event_offset: int
    kind: MessageKind
    sender: str
    sender_kind: SenderKind
    nickname: str
    is_admin: int
    content: str
    reply_to: int | None
    attachments: str | None
    client_msg_id: str | None
    created_at: int
    edited_at: int | None
    deleted_at: int | None
    erased_at: int | None
    changed_offset: int | None
    mentions: str | None = None


class SenderStatus(msgspec.Struct, frozen=True):
    """What the tables say of a sender in a conversation, read in the action's transaction: when
    the last of the bans and of the mutes ends that are of the conversation or of its scope."""

    role: Role | None
    ban_ends_at: int
    mute_ends_at: int

    @property
    def is_admin(self) -> bool:
        return self.role in ("owner", "admin")

    def is_banned(self, now: int) -> bool:
        return self.ban_ends_at > now

    def is_muted(self, now: int) -> bool:
        return self.mute_ends_at > now


COLUMNS = """id, conversation, seq, event_offset, kind, sender, sender_kind, nickname, is_admin,
    content, reply_to, attachments, client_msg_id, created_at, edited_at, deleted_at, erased_at,
    changed_offset, mentions"""
_ONE = Query(f"SELECT {COLUMNS} FROM message WHERE conversation = :conversation AND id = :id")
_RANGE = Query(f"""SELECT {COLUMNS} FROM message
    WHERE conversation = :conversation AND seq >= :first AND seq <= :last ORDER BY seq""")
_BELOW = Query(f"""SELECT {COLUMNS} FROM message
    WHERE conversation = :conversation AND seq < :before ORDER BY seq DESC LIMIT :limit""")
_OF_SENDER = Query(f"""SELECT {COLUMNS} FROM message
    WHERE conversation = :conversation AND seq >= :first AND seq <= :last AND sender = :sender
    ORDER BY seq DESC LIMIT :limit""")
_CHANGED = Query(f"""SELECT {COLUMNS} FROM message
    WHERE conversation = :conversation AND changed_offset IS NOT NULL AND seq <= :seq
    AND changed_offset > :after AND changed_offset <= :until
    ORDER BY changed_offset LIMIT :limit""")
_COUNT_CHANGED = Query("""SELECT count(*) FROM (
        SELECT 1 FROM message
        WHERE conversation = :conversation AND changed_offset IS NOT NULL AND seq <= :seq
        AND changed_offset > :after LIMIT :limit)""")
_ERASED_SINCE = Query(
    """SELECT 1 FROM message WHERE conversation = :conversation AND changed_offset > :after
    AND erased_at IS NOT NULL LIMIT 1"""
)
_DELETED_BEFORE = Query("""SELECT m.id, m.conversation, c.scope, c.kind
    FROM message m INDEXED BY message_unerased JOIN conversation c ON c.id = m.conversation
    WHERE m.deleted_at IS NOT NULL AND m.deleted_at < :before AND m.erased_at IS NULL
    AND c.kind NOT IN ('room', 'purged') LIMIT :limit""")
_EDIT_OFFSETS = Query("""SELECT event_offset FROM message_edit
    WHERE message = :message AND conversation = :conversation ORDER BY event_offset""")
_TIME = Query("SELECT created_at FROM message WHERE conversation = :conversation AND seq = :seq")
_OFFSET = Query(
    "SELECT event_offset FROM message WHERE conversation = :conversation AND seq = :seq"
)
_LAST_HEARD = Query("""SELECT sender, max(created_at) FROM message
    WHERE conversation = :conversation AND seq > :after_seq AND kind = 'text' GROUP BY sender""")
_LAST_OF_SENDER = Query("""SELECT max(created_at) FROM message
    WHERE conversation = :conversation AND seq > :after_seq AND sender = :sender""")
# One query for all senders of a batch: a look-up each costs 3 µs here and 30 by itself.
_SENDERS = Query(f"""WITH s AS MATERIALIZED (
        SELECT value ->> 0 AS conversation, value ->> 1 AS scope, value ->> 2 AS user_id
        FROM json_each(:senders))
    SELECT s.conversation, s.user_id, p.role,
        (SELECT max(coalesce(expires_at, {NEVER})) FROM ban b WHERE b.scope = s.scope
            AND b.conversation IN (0, s.conversation) AND b.user_id = s.user_id),
        (SELECT max(coalesce(expires_at, {NEVER})) FROM mute m WHERE m.scope = s.scope
            AND m.conversation IN (0, s.conversation) AND m.user_id = s.user_id)
    FROM s LEFT JOIN participant p ON p.conversation = s.conversation AND p.user_id = s.user_id
        AND p.left_offset IS NULL""")


def one(db: Database, ref: ConversationRef, message_id: int) -> Message | None:
    row = _ONE.row(db, conversation=ref.id, id=message_id)
    return None if row is None else Message(*row)


def between(db: Database, ref: ConversationRef, first: int, last: int) -> list[Message]:
    """Oldest first, first <= seq <= last."""
    return [Message(*row) for row in _RANGE.rows(db, conversation=ref.id, first=first, last=last)]


def from_seq(db: Database, ref: ConversationRef, first: int, limit: int) -> list[Message]:
    """Oldest first, up to ``limit`` or 256 KiB of text, but at least one if there is one."""
    rows = _RANGE.each(db, conversation=ref.id, first=first, last=first + limit - 1)
    return _within_bytes(rows)


def newest_below(db: Database, ref: ConversationRef, before: int, limit: int) -> list[Message]:
    """The newest with seq < before, oldest first, up to ``limit`` or 256 KiB of text."""
    rows = _BELOW.each(db, conversation=ref.id, before=before, limit=limit)
    return _within_bytes(rows)[::-1]


def of_sender(
    db: Database, ref: ConversationRef, sender: str, span: tuple[int, int], limit: int
) -> list[Message]:
    """With a seq in the span, newest first, up to ``limit`` or 256 KiB of text. Looks through all
    of the span, if it has to."""
    first, last = span
    rows = _OF_SENDER.each(
        db, conversation=ref.id, sender=sender, first=first, last=last, limit=limit
    )
    return _within_bytes(rows)


def changed(
    db: Database, ref: ConversationRef, seq: int, after: int, until: int, limit: int
) -> list[Message]:
    """Of the messages up to that seq those that were changed last by an event with
    after < offset <= until, in the order of those events."""
    rows = _CHANGED.rows(db, conversation=ref.id, seq=seq, after=after, until=until, limit=limit)
    return [Message(*row) for row in rows]


def count_changed(db: Database, ref: ConversationRef, seq: int, after: int, limit: int) -> int:
    """How many of those there are after the offset, counted up to the limit."""
    return int(_COUNT_CHANGED.value(db, conversation=ref.id, seq=seq, after=after, limit=limit))


def is_any_erased_since(db: Database, ref: ConversationRef, after: int) -> bool:
    """Whether a text of the conversation was erased by an event above that offset."""
    return _ERASED_SINCE.value(db, conversation=ref.id, after=after) is not None


def _within_bytes(rows: Iterable[Row]) -> list[Message]:
    taken: list[Message] = []
    size = 0
    for row in rows:
        found = Message(*row)
        size += len(found.content)
        if taken and size > PAGE_BYTES:
            break
        taken.append(found)
    return taken


def deleted_before(db: Database, before: int, limit: int) -> list[tuple[ConversationRef, int]]:
    """Of chats and of the desk, whose texts are still there though they were deleted before that
    time."""
    rows = _DELETED_BEFORE.rows(db, before=before, limit=limit)
    return [(CLASS_OF[kind](id_, scope), message) for message, id_, scope, kind in rows]


def edit_offsets(db: Database, ref: ConversationRef, message_id: int) -> tuple[int, ...]:
    """Where its edits stand in the log."""
    rows = _EDIT_OFFSETS.rows(db, message=message_id, conversation=ref.id)
    return tuple(offset for (offset,) in rows)


def event_offset(db: Database, ref: ConversationRef, seq: int) -> int:
    """Where the message with that seq stands in the log; 0 for seq 0."""
    return _OFFSET.value(db, conversation=ref.id, seq=seq) or 0


def first_seq_at(db: Database, ref: ConversationRef, last_seq: int, at: int) -> int:
    """The first seq created at that time or later, ``last_seq`` + 1 for none.

    Times never fall, so this is a bisection: 20 look-ups in a million.
    """
    low, high = 1, last_seq + 1
    while low < high:
        middle = (low + high) // 2
        if _TIME.value(db, conversation=ref.id, seq=middle) < at:
            low = middle + 1
        else:
            high = middle
    return low


def seq_at(db: Database, ref: ConversationRef, last_seq: int, offset: int) -> int:
    """The seq of the newest message up to that offset, 0 for none: by bisection, too."""
    low, high = 0, last_seq
    while low < high:
        middle = (low + high + 1) // 2
        if event_offset(db, ref, middle) <= offset:
            low = middle
        else:
            high = middle - 1
    return low


def sender_statuses(
    db: Database, senders: Collection[tuple[int, int, str]]
) -> dict[tuple[int, str], SenderStatus]:
    """Of senders, each with a conversation's id and scope, all at once: by conversation and
    sender."""
    rows = _SENDERS.rows(db, senders=msgspec.json.encode(list(senders)).decode())
    return {
        (conversation, user_id): SenderStatus(role, ban_ends_at or 0, mute_ends_at or 0)
        for conversation, user_id, role, ban_ends_at, mute_ends_at in rows
    }


def sender_status(db: Database, ref: ConversationRef, user_id: str) -> SenderStatus:
    return sender_statuses(db, [(ref.id, ref.scope, user_id)])[ref.id, user_id]


def last_heard(db: Database, ref: ConversationRef, after_seq: int) -> dict[str, int]:
    """Sender → time of the newest message above that seq."""
    return dict(_LAST_HEARD.rows(db, conversation=ref.id, after_seq=after_seq))


def last_of_sender(db: Database, ref: ConversationRef, after_seq: int, sender: str) -> int | None:
    found: int | None = _LAST_OF_SENDER.value(
        db, conversation=ref.id, after_seq=after_seq, sender=sender
    )
    return found


def total(db: Database) -> int:
    """How many there are, in all conversations."""
    numbers = counters.values(db)
    return numbers.get("message", 0) - numbers.get(REMOVED, 0)
