"""Queries about batches of history: how far each room's was taken, and what is left."""

import msgspec
from peewee import Database, fn

from chatctl_server.domain.callbacks import HistoryKind
from chatctl_server.storage import room_sessions
from chatctl_server.storage.models import (
    ConversationTable,
    HistoryBatchTable,
    MessageTable,
    SessionTable,
)
from chatctl_server.storage.sql import Statement

BATCH_BYTES = 1024 * 1024  # of texts in one batch of messages


class BatchProgress(msgspec.Struct, frozen=True):
    """``position``: of the last acknowledged record; ``number``: of the newest batch;
    ``delivery``: the batch under way, or the one that failed."""

    position: int = 0
    number: int = 0
    delivery: int | None = None


class BatchBounds(msgspec.Struct, frozen=True):
    """Both inclusive: seq of messages, or offsets at which sessions ended."""

    first: int
    last: int


_PROGRESS = Statement(
    HistoryBatchTable.select(
        HistoryBatchTable.position, HistoryBatchTable.number, HistoryBatchTable.delivery
    ).where((HistoryBatchTable.kind == "") & (HistoryBatchTable.conversation == 0))
)
_SAVE = Statement(
    HistoryBatchTable.insert_many(
        [("", 0, 0, 0, 0)],
        fields=[
            HistoryBatchTable.kind,
            HistoryBatchTable.conversation,
            HistoryBatchTable.position,
            HistoryBatchTable.number,
            HistoryBatchTable.delivery,
        ],
    ).on_conflict_replace()
)
_SIZES = Statement(
    MessageTable.select(MessageTable.seq, fn.OCTET_LENGTH(MessageTable.content))
    .where((MessageTable.conversation == 0) & (MessageTable.seq >= 0) & (MessageTable.seq <= 0))
    .order_by(MessageTable.seq)
)
_ENDED = (
    (SessionTable.conversation == 0)
    & SessionTable.left_offset.is_null(False)
    & (SessionTable.left_offset >= 0)
    & (SessionTable.left_offset <= 0)
)
_IN_TIME = (SessionTable.join_time >= 0) & (SessionTable.join_time <= 0)
_ENDS = Statement(
    SessionTable.select(SessionTable.left_offset)
    .where(_ENDED & _IN_TIME)
    .order_by(SessionTable.left_offset)
    .limit(1)
)
_LAST_END = Statement(
    SessionTable.select(fn.MAX(SessionTable.left_offset)).where(
        (SessionTable.conversation == 0) & SessionTable.left_offset.is_null(False)
    )
)
_SESSIONS = Statement(
    SessionTable.select(*room_sessions.COLUMNS)
    .where(_ENDED & _IN_TIME)
    .order_by(SessionTable.left_offset)
)
# Rooms whose history goes on behind what was taken, or whose last batch failed.
_WITH_MESSAGES = Statement.of_text(
    """SELECT c.id FROM conversation c
    LEFT JOIN batch b ON b.kind = 'chat_history' AND b.conversation = c.id
    WHERE c.id > ? AND c.last_seq > COALESCE(b.position, 0) ORDER BY c.id LIMIT ?"""
)
_WITH_SESSIONS = Statement.of_text(
    """SELECT c.id FROM conversation c
    LEFT JOIN batch b ON b.kind = 'session_history' AND b.conversation = c.id
    WHERE c.id > ? AND EXISTS (
        SELECT 1 FROM session s WHERE s.conversation = c.id AND s.left_offset IS NOT NULL
        AND s.left_offset > COALESCE(b.position, 0))
    ORDER BY c.id LIMIT ?"""
)
_ALL_ROOMS = Statement(
    ConversationTable.select(ConversationTable.id)
    .where(ConversationTable.id > 0)
    .order_by(ConversationTable.id)
    .limit(1)
)


def progress(db: Database, kind: HistoryKind, conversation: int) -> BatchProgress:
    row = _PROGRESS.row(db, kind, conversation)
    return BatchProgress() if row is None else BatchProgress(*row)


def save(db: Database, kind: HistoryKind, conversation: int, progress: BatchProgress) -> None:
    _SAVE.run(db, kind, conversation, *msgspec.structs.astuple(progress))


def rooms_with_more(db: Database, kind: HistoryKind, after_id: int, limit: int) -> list[int]:
    query = _WITH_MESSAGES if kind == "chat_history" else _WITH_SESSIONS
    return [conversation for (conversation,) in query.rows(db, after_id, limit)]


def all_rooms(db: Database, after_id: int, limit: int) -> list[int]:
    return [conversation for (conversation,) in _ALL_ROOMS.rows(db, after_id, limit)]


def last_end(db: Database, conversation: int) -> int:
    """The offset at which the room's last session ended; 0 for none."""
    return _LAST_END.value(db, conversation) or 0


def messages_within(
    db: Database, conversation: int, first: int, until: int, limit: int
) -> BatchBounds | None:
    """At most ``limit`` messages, and 1 MiB of text if it is more than one."""
    last = size = 0
    most = min(until, first + limit - 1)
    for seq, length in _SIZES.each(db, conversation, first, most):
        size += length
        if last and size > BATCH_BYTES:
            break
        last = seq
    return BatchBounds(first, last) if last else None


def sessions_within(
    db: Database, conversation: int, first: int, until: int, limit: int, window: tuple[int, int]
) -> BatchBounds | None:
    """At most ``limit`` sessions that ended at those offsets and began within the window; up to
    ``until`` itself when these are all."""
    ends = _ENDS.rows(db, conversation, first, until, *window, limit + 1)
    if not ends:
        return None
    return BatchBounds(first, until if len(ends) <= limit else ends[limit - 1][0])


def sessions_between(
    db: Database, conversation: int, first: int, last: int, window: tuple[int, int]
) -> list[room_sessions.Session]:
    """In the order in which they ended."""
    rows = _SESSIONS.rows(db, conversation, first, last, *window)
    return [room_sessions.Session(*row) for row in rows]
