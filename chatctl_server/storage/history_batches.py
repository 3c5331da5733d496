"""Queries about batches of history: how far each room's was taken, and what is left."""

import msgspec

from chatctl_server.domain.callbacks import HistoryKind
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import room_sessions
from chatctl_server.storage.sql import Database, Query

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


_PROGRESS = Query("""SELECT position, number, delivery FROM batch
    WHERE kind = :kind AND conversation = :conversation""")
_SAVE = Query("""INSERT OR REPLACE INTO batch (kind, conversation, position, number, delivery)
    VALUES (:kind, :conversation, :position, :number, :delivery)""")
# Rooms whose history goes on behind what was taken, or whose last batch failed; by the index of
# scopes: all rooms have the first one.
_WITH_MORE: dict[HistoryKind, Query] = {
    "chat_history": Query("""SELECT c.id FROM conversation c
        LEFT JOIN batch b ON b.kind = 'chat_history' AND b.conversation = c.id
        WHERE c.scope = 1 AND c.kind = 'room' AND c.id > :after_id
        AND c.last_seq > COALESCE(b.position, 0) ORDER BY c.id LIMIT :limit"""),
    "session_history": Query("""SELECT c.id FROM conversation c
        LEFT JOIN batch b ON b.kind = 'session_history' AND b.conversation = c.id
        WHERE c.scope = 1 AND c.kind = 'room' AND c.id > :after_id AND EXISTS (
            SELECT 1 FROM room_session s WHERE s.conversation = c.id
            AND s.left_offset IS NOT NULL AND s.left_offset > COALESCE(b.position, 0))
        ORDER BY c.id LIMIT :limit"""),
}
_ALL_ROOMS = Query("""SELECT id FROM conversation
    WHERE scope = 1 AND kind = 'room' AND id > :after_id ORDER BY id LIMIT :limit""")
_LAST_END = Query("""SELECT MAX(left_offset) FROM room_session
    WHERE conversation = :conversation AND left_offset IS NOT NULL""")
_SIZES = Query("""SELECT seq, OCTET_LENGTH(content) FROM message
    WHERE conversation = :conversation AND seq >= :first AND seq <= :last ORDER BY seq""")
_ENDED = """conversation = :conversation AND left_offset IS NOT NULL
    AND left_offset >= :first AND left_offset <= :last
    AND join_time >= :since AND join_time <= :until"""
_ENDS = Query(
    f"SELECT left_offset FROM room_session WHERE {_ENDED} ORDER BY left_offset LIMIT :limit"
)
_SESSIONS = Query(
    f"SELECT {room_sessions.COLUMNS} FROM room_session WHERE {_ENDED} ORDER BY left_offset"
)


def progress(db: Database, kind: HistoryKind, room: RoomRef) -> BatchProgress:
    row = _PROGRESS.row(db, kind=kind, conversation=room.id)
    return BatchProgress() if row is None else BatchProgress(*row)


def save(db: Database, kind: HistoryKind, room: RoomRef, progress: BatchProgress) -> None:
    _SAVE.run(db, kind=kind, conversation=room.id, **msgspec.structs.asdict(progress))


def rooms_with_more(db: Database, kind: HistoryKind, after_id: int, limit: int) -> list[int]:
    rows = _WITH_MORE[kind].rows(db, after_id=after_id, limit=limit)
    return [conversation for (conversation,) in rows]


def all_rooms(db: Database, after_id: int, limit: int) -> list[int]:
    rows = _ALL_ROOMS.rows(db, after_id=after_id, limit=limit)
    return [conversation for (conversation,) in rows]


def last_end(db: Database, room: RoomRef) -> int:
    """The offset at which the room's last session ended; 0 for none."""
    return _LAST_END.value(db, conversation=room.id) or 0


def messages_within(
    db: Database, room: RoomRef, first: int, until: int, limit: int
) -> BatchBounds | None:
    """At most ``limit`` messages, and 1 MiB of text if it is more than one."""
    last = size = 0
    most = min(until, first + limit - 1)
    for seq, length in _SIZES.each(db, conversation=room.id, first=first, last=most):
        size += length
        if last and size > BATCH_BYTES:
            break
        last = seq
    return BatchBounds(first, last) if last else None


def sessions_within(
    db: Database, room: RoomRef, first: int, until: int, limit: int, window: tuple[int, int]
) -> BatchBounds | None:
    """At most ``limit`` sessions that ended at those offsets and began within the window; up to
    ``until`` itself when these are all."""
    ends = _ENDS.rows(
        db,
        conversation=room.id,
        first=first,
        last=until,
        since=window[0],
        until=window[1],
        limit=limit + 1,
    )
    if not ends:
        return None
    return BatchBounds(first, until if len(ends) <= limit else ends[limit - 1][0])


def sessions_between(
    db: Database, room: RoomRef, first: int, last: int, window: tuple[int, int]
) -> list[room_sessions.Session]:
    """In the order in which they ended."""
    rows = _SESSIONS.rows(
        db, conversation=room.id, first=first, last=last, since=window[0], until=window[1]
    )
    return [room_sessions.Session(*row) for row in rows]
