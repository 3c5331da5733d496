"""Queries about messages. Pages are ranges of seq: no OFFSET, no COUNT."""

from collections.abc import Collection, Iterable, Sequence

import msgspec
from peewee import SQL, Database, fn

from chatctl_server.storage.models import MessageTable
from chatctl_server.storage.sql import Row, Statement

PAGE_BYTES = 256 * 1024


class Message(msgspec.Struct, frozen=True):
    """A row of ``message``; ``content`` of a deleted one is empty."""

    id: int
    conversation: int
    seq: int
    event_offset: int
    kind: str
    sender: str
    nickname: str
    is_admin: bool
    content: str
    client_msg_id: str | None
    created_at: int
    deleted_at: int | None


class SenderStatus(msgspec.Struct, frozen=True):
    """What the tables say of a sender in a conversation, read in the action's transaction."""

    is_admin: bool
    ban_set: bool
    ban_expires_at: int | None
    mute_set: bool
    mute_expires_at: int | None

    def is_banned(self, now: int) -> bool:
        return self.ban_set and (self.ban_expires_at is None or self.ban_expires_at > now)

    def is_muted(self, now: int) -> bool:
        return self.mute_set and (self.mute_expires_at is None or self.mute_expires_at > now)


class Original(msgspec.Struct, frozen=True):
    """The first message of a client_msg_id."""

    message_id: int
    seq: int
    created_at: int


_COLUMNS = (
    MessageTable.id,
    MessageTable.conversation,
    MessageTable.seq,
    MessageTable.event_offset,
    MessageTable.kind,
    MessageTable.sender,
    MessageTable.nickname,
    MessageTable.is_admin,
    MessageTable.content,
    MessageTable.client_msg_id,
    MessageTable.created_at,
    MessageTable.deleted_at,
)
_NEWEST_ID = Statement(MessageTable.select(fn.MAX(MessageTable.id)))
_ONE = Statement(
    MessageTable.select(*_COLUMNS).where((MessageTable.conversation == 0) & (MessageTable.id == 0))
)
_RANGE = Statement(
    MessageTable.select(*_COLUMNS)
    .where((MessageTable.conversation == 0) & (MessageTable.seq >= 0) & (MessageTable.seq <= 0))
    .order_by(MessageTable.seq)
)
_BELOW = Statement(
    MessageTable.select(*_COLUMNS)
    .where((MessageTable.conversation == 0) & (MessageTable.seq < 0))
    .order_by(MessageTable.seq.desc())
    .limit(1)
)
_TIME = Statement(
    MessageTable.select(MessageTable.created_at).where(
        (MessageTable.conversation == 0) & (MessageTable.seq == 0)
    )
)
_PLACE = Statement(
    MessageTable.select(MessageTable.event_offset).where(
        (MessageTable.conversation == 0) & (MessageTable.seq == 0)
    )
)
_GIVEN = SQL("(SELECT value FROM json_each(?))", ["[]"])
_EARLIER = Statement(
    MessageTable.select(
        MessageTable.conversation,
        MessageTable.sender,
        MessageTable.client_msg_id,
        MessageTable.id,
        MessageTable.seq,
        MessageTable.created_at,
    ).where(MessageTable.client_hash.is_null(False) & (MessageTable.client_hash << _GIVEN))
)
_LAST_HEARD = Statement(
    MessageTable.select(MessageTable.sender, fn.MAX(MessageTable.created_at))
    .where(
        (MessageTable.conversation == 0) & (MessageTable.seq > 0) & (MessageTable.kind == "text")
    )
    .group_by(MessageTable.sender)
)
_LAST_OF_SENDER = Statement(
    MessageTable.select(fn.MAX(MessageTable.created_at)).where(
        (MessageTable.conversation == 0) & (MessageTable.seq > 0) & (MessageTable.sender == "")
    )
)
# One query for all senders of a batch: a look-up each costs 3 µs here and 30 by itself.
_STANDINGS = Statement.of_text(
    """SELECT value ->> 0, value ->> 1, member.role, ban.user_id, ban.expires_at,
        mute.user_id, mute.expires_at
    FROM json_each(?)
    LEFT JOIN member ON member.conversation = value ->> 0 AND member.user_id = value ->> 1
    LEFT JOIN ban ON ban.conversation = value ->> 0 AND ban.user_id = value ->> 1
    LEFT JOIN mute ON mute.conversation = value ->> 0 AND mute.user_id = value ->> 1"""
)


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def one(db: Database, conversation: int, message_id: int) -> Message | None:
    row = _ONE.row(db, conversation, message_id)
    return None if row is None else _stored(row)


def between(db: Database, conversation: int, first: int, last: int) -> list[Message]:
    """Oldest first, first <= seq <= last."""
    return [_stored(row) for row in _RANGE.rows(db, conversation, first, last)]


def from_seq(db: Database, conversation: int, first: int, limit: int) -> list[Message]:
    """Oldest first, up to ``limit`` or 256 KiB of text, but at least one if there is one."""
    return _within_bytes(_RANGE.each(db, conversation, first, first + limit - 1))


def newest_below(db: Database, conversation: int, before: int, limit: int) -> list[Message]:
    """The newest with seq < before, oldest first, up to ``limit`` or 256 KiB of text."""
    return _within_bytes(_BELOW.each(db, conversation, before, limit))[::-1]


def _within_bytes(rows: Iterable[Row]) -> list[Message]:
    taken: list[Message] = []
    size = 0
    for row in rows:
        found = _stored(row)
        size += len(found.content)
        if taken and size > PAGE_BYTES:
            break
        taken.append(found)
    return taken


def event_offset(db: Database, conversation: int, seq: int) -> int:
    """Where the message with that seq stands in the log; 0 for seq 0."""
    return _PLACE.value(db, conversation, seq) or 0


def first_seq_at(db: Database, conversation: int, last_seq: int, at: int) -> int:
    """The first seq created at that time or later, ``last_seq`` + 1 for none.

    Times never fall within a conversation, so this is a bisection: 20 look-ups in a million.
    """
    low, high = 1, last_seq + 1
    while low < high:
        middle = (low + high) // 2
        if _TIME.value(db, conversation, middle) < at:
            low = middle + 1
        else:
            high = middle
    return low


def earlier(db: Database, hashes: Sequence[int]) -> dict[tuple[int, str, str], Original]:
    """By conversation, sender and client_msg_id: what is stored under those hashes."""
    if not hashes:
        return {}
    return {
        (conversation, sender, client_msg_id): Original(message_id, seq, created_at)
        for conversation, sender, client_msg_id, message_id, seq, created_at in _EARLIER.rows(
            db, msgspec.json.encode(hashes).decode()
        )
    }


def sender_statuses(
    db: Database, senders: Collection[tuple[int, str]]
) -> dict[tuple[int, str], SenderStatus]:
    """Of senders in their conversations, all at once."""
    return {
        (conversation, user_id): SenderStatus(
            role == "admin", banned is not None, ban_until, muted is not None, mute_until
        )
        for conversation, user_id, role, banned, ban_until, muted, mute_until in _STANDINGS.rows(
            db, msgspec.json.encode(list(senders)).decode()
        )
    }


def sender_status(db: Database, conversation: int, user_id: str) -> SenderStatus:
    return sender_statuses(db, [(conversation, user_id)])[conversation, user_id]


def last_heard(db: Database, conversation: int, after_seq: int) -> dict[str, int]:
    """Sender → time of the newest message above that seq."""
    return dict(_LAST_HEARD.rows(db, conversation, after_seq, "text"))


def last_of_sender(db: Database, conversation: int, after_seq: int, sender: str) -> int | None:
    found: int | None = _LAST_OF_SENDER.value(db, conversation, after_seq, sender)
    return found


def _stored(row: Row) -> Message:
    *head, is_admin, content, client_msg_id, created_at, deleted_at = row
    return Message(*head, bool(is_admin), content, client_msg_id, created_at, deleted_at)  # type: ignore[call-arg]
