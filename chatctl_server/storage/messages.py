"""Questions about messages. Pages are ranges of seq: no OFFSET, no COUNT."""

from collections.abc import Collection, Iterable, Sequence

import msgspec
from peewee import SQL, Database, fn

from chatctl_server.storage.models import Message
from chatctl_server.storage.sql import Row, Statement

PAGE_BYTES = 256 * 1024


class Stored(msgspec.Struct, frozen=True):
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


class Standing(msgspec.Struct, frozen=True):
    """What the tables say of a sender in a conversation, read in the verb's transaction."""

    is_admin: bool
    ban_set: bool
    ban_expires_at: int | None
    mute_set: bool
    mute_expires_at: int | None

    def is_banned(self, now: int) -> bool:
        return self.ban_set and (self.ban_expires_at is None or self.ban_expires_at > now)

    def is_muted(self, now: int) -> bool:
        return self.mute_set and (self.mute_expires_at is None or self.mute_expires_at > now)


class Earlier(msgspec.Struct, frozen=True):
    """The first message of a client_msg_id."""

    message_id: int
    seq: int
    created_at: int


_COLUMNS = (
    Message.id,
    Message.conversation,
    Message.seq,
    Message.event_offset,
    Message.kind,
    Message.sender,
    Message.nickname,
    Message.is_admin,
    Message.content,
    Message.client_msg_id,
    Message.created_at,
    Message.deleted_at,
)
_NEWEST_ID = Statement(Message.select(fn.MAX(Message.id)))
_ONE = Statement(Message.select(*_COLUMNS).where((Message.conversation == 0) & (Message.id == 0)))
_RANGE = Statement(
    Message.select(*_COLUMNS)
    .where((Message.conversation == 0) & (Message.seq >= 0) & (Message.seq <= 0))
    .order_by(Message.seq)
)
_BELOW = Statement(
    Message.select(*_COLUMNS)
    .where((Message.conversation == 0) & (Message.seq < 0))
    .order_by(Message.seq.desc())
    .limit(1)
)
_TIME = Statement(
    Message.select(Message.created_at).where((Message.conversation == 0) & (Message.seq == 0))
)
_PLACE = Statement(
    Message.select(Message.event_offset).where((Message.conversation == 0) & (Message.seq == 0))
)
_GIVEN = SQL("(SELECT value FROM json_each(?))", ["[]"])
_EARLIER = Statement(
    Message.select(
        Message.conversation,
        Message.sender,
        Message.client_msg_id,
        Message.id,
        Message.seq,
        Message.created_at,
    ).where(Message.client_hash.is_null(False) & (Message.client_hash << _GIVEN))
)
_LAST_HEARD = Statement(
    Message.select(Message.sender, fn.MAX(Message.created_at))
    .where((Message.conversation == 0) & (Message.seq > 0) & (Message.kind == "text"))
    .group_by(Message.sender)
)
_LAST_OF_SENDER = Statement(
    Message.select(fn.MAX(Message.created_at)).where(
        (Message.conversation == 0) & (Message.seq > 0) & (Message.sender == "")
    )
)
# One question for all senders of a batch: a look-up each costs 3 µs here and 30 by itself.
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


def one(db: Database, conversation: int, message_id: int) -> Stored | None:
    row = _ONE.row(db, conversation, message_id)
    return None if row is None else _stored(row)


def between(db: Database, conversation: int, first: int, last: int) -> list[Stored]:
    """Oldest first, first <= seq <= last."""
    return [_stored(row) for row in _RANGE.rows(db, conversation, first, last)]


def from_seq(db: Database, conversation: int, first: int, limit: int) -> list[Stored]:
    """Oldest first, up to ``limit`` or 256 KiB of text, but at least one if there is one."""
    return _within_bytes(_RANGE.each(db, conversation, first, first + limit - 1))


def newest_below(db: Database, conversation: int, before: int, limit: int) -> list[Stored]:
    """The newest with seq < before, oldest first, up to ``limit`` or 256 KiB of text."""
    return _within_bytes(_BELOW.each(db, conversation, before, limit))[::-1]


def _within_bytes(rows: Iterable[Row]) -> list[Stored]:
    taken: list[Stored] = []
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


def earlier(db: Database, hashes: Sequence[int]) -> dict[tuple[int, str, str], Earlier]:
    """By conversation, sender and client_msg_id: what is stored under those hashes."""
    if not hashes:
        return {}
    return {
        (conversation, sender, client_msg_id): Earlier(message_id, seq, created_at)
        for conversation, sender, client_msg_id, message_id, seq, created_at in _EARLIER.rows(
            db, msgspec.json.encode(hashes).decode()
        )
    }


def standings(
    db: Database, senders: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Standing]:
    """Of senders in their conversations, all at once."""
    return {
        (conversation, user_id): Standing(
            role == "admin", banned is not None, ban_until, muted is not None, mute_until
        )
        for conversation, user_id, role, banned, ban_until, muted, mute_until in _STANDINGS.rows(
            db, msgspec.json.encode(list(senders)).decode()
        )
    }


def standing(db: Database, conversation: int, user_id: str) -> Standing:
    return standings(db, [(conversation, user_id)])[conversation, user_id]


def last_heard(db: Database, conversation: int, after_seq: int) -> dict[str, int]:
    """Sender → time of the newest message above that seq."""
    return dict(_LAST_HEARD.rows(db, conversation, after_seq, "text"))


def last_of_sender(db: Database, conversation: int, after_seq: int, sender: str) -> int | None:
    found: int | None = _LAST_OF_SENDER.value(db, conversation, after_seq, sender)
    return found


def _stored(row: Row) -> Stored:
    *head, is_admin, content, client_msg_id, created_at, deleted_at = row
    return Stored(*head, bool(is_admin), content, client_msg_id, created_at, deleted_at)  # type: ignore[call-arg]
