"""Questions about conversations and their members."""

import msgspec
from peewee import Database, fn

from chatctl_server import errors
from chatctl_server.storage.models import Conversation, Member
from chatctl_server.storage.sql import Row, Statement


class Found(msgspec.Struct, frozen=True):
    """A row of ``conversation``; times in microseconds."""

    id: int
    public_id: str
    kind: str
    name: str
    status: str
    created_at: int
    closed_at: int | None
    last_seq: int
    last_message_at: int | None
    current_users: int
    peak_users: int
    total_joins: int


class Listed(msgspec.Struct, frozen=True):
    conversation: Found
    admins: tuple[str, ...]


_COLUMNS = (
    Conversation.id,
    Conversation.public_id,
    Conversation.kind,
    Conversation.name,
    Conversation.status,
    Conversation.created_at,
    Conversation.closed_at,
    Conversation.last_seq,
    Conversation.last_message_at,
    Conversation.current_users,
    Conversation.peak_users,
    Conversation.total_joins,
)
_BY_PUBLIC_ID = Statement(Conversation.select(*_COLUMNS).where(Conversation.public_id == ""))
_BY_ID = Statement(Conversation.select(*_COLUMNS).where(Conversation.id == 0))
_NEWEST_ID = Statement(Conversation.select(fn.MAX(Conversation.id)))
_AFTER = Statement(
    Conversation.select(*_COLUMNS)
    .where(
        (Conversation.kind == "")
        & (Conversation.id > 0)
        & (Conversation.status << ["open", "closed"])
    )
    .order_by(Conversation.id)
    .limit(1)
)
_COUNT = Statement(
    Conversation.select(Conversation.status, fn.COUNT(Conversation.id))
    .where(Conversation.kind == "")
    .group_by(Conversation.status)
)
_ADMINS = Statement(
    Member.select(Member.user_id).where(Member.conversation == 0).order_by(Member.user_id)
)


def by_public_id(db: Database, public_id: str) -> Found | None:
    return _found(_BY_PUBLIC_ID.row(db, public_id))


def find_room(db: Database, room_id: str) -> Found:
    """Raises RoomNotFound."""
    room = by_public_id(db, room_id)
    if room is None:
        raise errors.RoomNotFound(f"There is no room {room_id}", field="room_id")
    return room


def find_open_room(db: Database, room_id: str) -> Found:
    """Raises RoomNotFound or RoomClosed."""
    room = find_room(db, room_id)
    if room.status != "open":
        raise errors.RoomClosed(f"The room {room_id} is closed", field="room_id")
    return room


def by_id(db: Database, conversation: int) -> Found | None:
    return _found(_BY_ID.row(db, conversation))


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def admins(db: Database, conversation: int) -> tuple[str, ...]:
    """Sorted."""
    return tuple(user_id for (user_id,) in _ADMINS.rows(db, conversation))


def page(
    db: Database, kind: str, after_id: int, statuses: tuple[str, str], limit: int
) -> list[Listed]:
    """In order of creation; ``statuses`` names one status twice for one only."""
    rows = _AFTER.rows(db, kind, after_id, *statuses, limit)
    return [
        Listed(conversation, admins(db, conversation.id))
        for row in rows
        if (conversation := _found(row)) is not None
    ]


def counts(db: Database, kind: str) -> dict[str, int]:
    """How many there are of each status."""
    return dict(_COUNT.rows(db, kind))


def _found(row: Row | None) -> Found | None:
    return None if row is None else Found(*row)
