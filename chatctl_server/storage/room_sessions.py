"""Queries about sessions: who was connected to a conversation, and when."""

import msgspec
from peewee import Database, fn

from chatctl_server.storage.models import SessionTable
from chatctl_server.storage.sql import Row, Statement


class Session(msgspec.Struct, frozen=True):
    id: int
    conversation: int
    user_id: str
    nickname: str
    join_time: int
    leave_time: int | None


COLUMNS = (
    SessionTable.id,
    SessionTable.conversation,
    SessionTable.user_id,
    SessionTable.nickname,
    SessionTable.join_time,
    SessionTable.leave_time,
)
_NEWEST_ID = Statement(SessionTable.select(fn.MAX(SessionTable.id)))
_OPEN_OF_USER = Statement(
    SessionTable.select(*COLUMNS).where(
        (SessionTable.conversation == 0)
        & (SessionTable.user_id == "")
        & SessionTable.leave_time.is_null()
    )
)
_OPEN_OF_ROOM = Statement(
    SessionTable.select(*COLUMNS)
    .where((SessionTable.conversation == 0) & SessionTable.leave_time.is_null())
    .order_by(SessionTable.user_id)  # as the index of open sessions has them
    .limit(1)
)
_OPEN = Statement(
    SessionTable.select(*COLUMNS)
    .where(SessionTable.leave_time.is_null())
    .order_by(SessionTable.conversation, SessionTable.user_id)
    .limit(1)
)
_ONE = Statement(SessionTable.select(*COLUMNS).where(SessionTable.id == 0))
_IN_TIME = (
    (SessionTable.conversation == 0)
    & SessionTable.leave_time.is_null(False)
    & (SessionTable.join_time >= 0)
    & (SessionTable.join_time <= 0)
)
_TOTAL = Statement(SessionTable.select(fn.COUNT(SessionTable.id)).where(_IN_TIME))
_PAGE = Statement(
    SessionTable.select(*COLUMNS)
    .where(_IN_TIME)
    .order_by(SessionTable.join_time.desc(), SessionTable.id.desc())
    .limit(1)
    .offset(1)
)


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def one(db: Database, session_id: int) -> Session | None:
    return _stored(_ONE.row(db, session_id))


def open_of_user(db: Database, conversation: int, user_id: str) -> Session | None:
    return _stored(_OPEN_OF_USER.row(db, conversation, user_id))


def open_of_conversation(db: Database, conversation: int, limit: int) -> list[Session]:
    return [Session(*row) for row in _OPEN_OF_ROOM.rows(db, conversation, limit)]


def open_anywhere(db: Database, limit: int) -> list[Session]:
    return [Session(*row) for row in _OPEN.rows(db, limit)]


def finished_total(db: Database, conversation: int, from_time: int, to_time: int) -> int:
    return _TOTAL.value(db, conversation, from_time, to_time) or 0


def finished_page(
    db: Database, conversation: int, from_time: int, to_time: int, skip: int, limit: int
) -> list[Session]:
    """Newest join first; within one microsecond the later inserted first."""
    rows = _PAGE.rows(db, conversation, from_time, to_time, limit, skip)
    return [Session(*row) for row in rows]


def _stored(row: Row | None) -> Session | None:
    return None if row is None else Session(*row)
