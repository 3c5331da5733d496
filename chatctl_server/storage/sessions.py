"""Questions about sessions: who was connected to a conversation, and when."""

import msgspec
from peewee import Database, fn

from chatctl_server.storage.models import Session
from chatctl_server.storage.sql import Row, Statement


class Stored(msgspec.Struct, frozen=True):
    id: int
    conversation: int
    user_id: str
    nickname: str
    join_time: int
    leave_time: int | None


COLUMNS = (
    Session.id,
    Session.conversation,
    Session.user_id,
    Session.nickname,
    Session.join_time,
    Session.leave_time,
)
_NEWEST_ID = Statement(Session.select(fn.MAX(Session.id)))
_OPEN_OF_USER = Statement(
    Session.select(*COLUMNS).where(
        (Session.conversation == 0) & (Session.user_id == "") & Session.leave_time.is_null()
    )
)
_OPEN_OF_ROOM = Statement(
    Session.select(*COLUMNS)
    .where((Session.conversation == 0) & Session.leave_time.is_null())
    .order_by(Session.user_id)  # as the index of open sessions has them
    .limit(1)
)
_OPEN = Statement(
    Session.select(*COLUMNS)
    .where(Session.leave_time.is_null())
    .order_by(Session.conversation, Session.user_id)
    .limit(1)
)
_ONE = Statement(Session.select(*COLUMNS).where(Session.id == 0))
_IN_TIME = (
    (Session.conversation == 0)
    & Session.leave_time.is_null(False)
    & (Session.join_time >= 0)
    & (Session.join_time <= 0)
)
_TOTAL = Statement(Session.select(fn.COUNT(Session.id)).where(_IN_TIME))
_PAGE = Statement(
    Session.select(*COLUMNS)
    .where(_IN_TIME)
    .order_by(Session.join_time.desc(), Session.id.desc())
    .limit(1)
    .offset(1)
)


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def one(db: Database, session_id: int) -> Stored | None:
    return _stored(_ONE.row(db, session_id))


def open_of_user(db: Database, conversation: int, user_id: str) -> Stored | None:
    return _stored(_OPEN_OF_USER.row(db, conversation, user_id))


def open_of_conversation(db: Database, conversation: int, limit: int) -> list[Stored]:
    return [Stored(*row) for row in _OPEN_OF_ROOM.rows(db, conversation, limit)]


def open_anywhere(db: Database, limit: int) -> list[Stored]:
    return [Stored(*row) for row in _OPEN.rows(db, limit)]


def finished_total(db: Database, conversation: int, from_time: int, to_time: int) -> int:
    return _TOTAL.value(db, conversation, from_time, to_time) or 0


def finished_page(
    db: Database, conversation: int, from_time: int, to_time: int, skip: int, limit: int
) -> list[Stored]:
    """Newest join first; within one microsecond the later inserted first."""
    rows = _PAGE.rows(db, conversation, from_time, to_time, limit, skip)
    return [Stored(*row) for row in rows]


def _stored(row: Row | None) -> Stored | None:
    return None if row is None else Stored(*row)
