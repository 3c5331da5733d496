"""Queries about room sessions: who was connected to a room, and when."""

from collections.abc import Collection

import msgspec

from chatctl_server.domain.references import RoomRef
from chatctl_server.storage.sql import Database, Query, Row


class Session(msgspec.Struct, frozen=True):
    id: int
    conversation: int
    user_id: str
    nickname: str
    join_time: int
    leave_time: int | None


COLUMNS = "id, conversation, user_id, nickname, join_time, leave_time"
_OPEN_OF_USER = Query(f"""SELECT {COLUMNS} FROM room_session
    WHERE conversation = :conversation AND user_id = :user_id AND leave_time IS NULL""")
_OPEN_AMONG = Query(f"""SELECT {COLUMNS} FROM room_session
    WHERE (conversation, user_id) IN (
        SELECT value ->> 0, value ->> 1 FROM json_each(:users)) AND leave_time IS NULL
    UNION SELECT {COLUMNS} FROM room_session
    WHERE id IN (SELECT value FROM json_each(:ids)) AND leave_time IS NULL""")
_OPEN_OF_USER_ANYWHERE = Query(
    f"""SELECT {COLUMNS} FROM room_session WHERE user_id = :user_id AND leave_time IS NULL
    ORDER BY conversation"""
)
# In the order of the index of open sessions.
_OPEN_OF_ROOM = Query(f"""SELECT {COLUMNS} FROM room_session
    WHERE conversation = :conversation AND leave_time IS NULL ORDER BY user_id LIMIT :limit""")
_OPEN = Query(f"""SELECT {COLUMNS} FROM room_session
    WHERE leave_time IS NULL ORDER BY conversation, user_id LIMIT :limit""")
_ONE = Query(f"SELECT {COLUMNS} FROM room_session WHERE id = :id AND conversation = :conversation")
_FINISHED_IN_TIME = """conversation = :conversation AND leave_time IS NOT NULL
    AND join_time >= :from_time AND join_time <= :to_time"""
_TOTAL = Query(f"SELECT count(*) FROM room_session WHERE {_FINISHED_IN_TIME}")
_PAGE = Query(f"""SELECT {COLUMNS} FROM room_session WHERE {_FINISHED_IN_TIME}
    ORDER BY join_time DESC, id DESC LIMIT :limit OFFSET :skip""")


def one(db: Database, room: RoomRef, session_id: int) -> Session | None:
    return _session(_ONE.row(db, id=session_id, conversation=room.id))


def open_of_user(db: Database, room: RoomRef, user_id: str) -> Session | None:
    return _session(_OPEN_OF_USER.row(db, conversation=room.id, user_id=user_id))


def open_among(
    db: Database, users: Collection[tuple[RoomRef, str]], ids: Collection[int]
) -> list[Session]:
    """The open ones of those users in those rooms, and of those ids."""
    rows = _OPEN_AMONG.rows(
        db,
        users=msgspec.json.encode([(room.id, user_id) for room, user_id in users]).decode(),
        ids=msgspec.json.encode(list(ids)).decode(),
    )
    return [Session(*row) for row in rows]


def open_of_user_anywhere(db: Database, user_id: str) -> list[Session]:
    """In every room; it looks through all open sessions."""
    return [Session(*row) for row in _OPEN_OF_USER_ANYWHERE.rows(db, user_id=user_id)]


def open_of_room(db: Database, room: RoomRef, limit: int) -> list[Session]:
    return [Session(*row) for row in _OPEN_OF_ROOM.rows(db, conversation=room.id, limit=limit)]


def open_anywhere(db: Database, limit: int) -> list[Session]:
    """For the start and the stop of a server."""
    return [Session(*row) for row in _OPEN.rows(db, limit=limit)]


def finished_total(db: Database, room: RoomRef, from_time: int, to_time: int) -> int:
    total = _TOTAL.value(db, conversation=room.id, from_time=from_time, to_time=to_time)
    return int(total)


def finished_page(
    db: Database, room: RoomRef, from_time: int, to_time: int, skip: int, limit: int
) -> list[Session]:
    """Newest join first; within one microsecond the later inserted first."""
    rows = _PAGE.rows(
        db, conversation=room.id, from_time=from_time, to_time=to_time, limit=limit, skip=skip
    )
    return [Session(*row) for row in rows]


def _session(row: Row | None) -> Session | None:
    return None if row is None else Session(*row)
