"""Queries about a user of the rooms, over all of them. They look through whole tables: for an
administrator's question now and then."""

from typing import Any, NamedTuple

from chatctl_server.domain.references import ROOMS, ConversationRef, RoomRef
from chatctl_server.storage import sanctions
from chatctl_server.storage.messages import PAGE_BYTES
from chatctl_server.storage.sql import Database, Query

_MESSAGES = Query(
    """SELECT m.conversation, COUNT(*) FROM message m JOIN conversation c ON c.id = m.conversation
    WHERE m.sender = :user_id AND m.kind = 'text' AND c.scope = :scope AND c.kind = 'room'
    GROUP BY m.conversation"""
)
_UNERASED = Query(
    """SELECT m.conversation, m.id FROM message m JOIN conversation c ON c.id = m.conversation
    WHERE m.sender = :user_id AND m.kind = 'text' AND m.erased_at IS NULL
    AND c.scope = :scope AND c.kind = 'room'
    AND :room IN (0, m.conversation) AND m.created_at >= :since AND m.id > :after
    ORDER BY m.id LIMIT :limit"""
)
_BELOW = Query("""SELECT m.conversation, m.id, m.seq, m.created_at,
    CASE WHEN m.deleted_at IS NULL THEN m.content ELSE '' END, m.deleted_at IS NOT NULL
    FROM message m JOIN conversation c ON c.id = m.conversation
    WHERE m.sender = :user_id AND m.kind = 'text' AND c.scope = :scope AND c.kind = 'room'
    AND m.created_at >= :first AND m.created_at <= :last AND m.id < :before
    ORDER BY m.id DESC LIMIT :limit""")
_SESSIONS = Query("""SELECT s.conversation, COUNT(*), MAX(s.join_time), SUM(s.leave_time IS NULL)
    FROM room_session s JOIN conversation c ON c.id = s.conversation
    WHERE s.user_id = :user_id AND c.scope = :scope AND c.kind = 'room' GROUP BY s.conversation""")
_ADMIN_OF = Query(
    """SELECT p.conversation FROM participant p JOIN conversation c ON c.id = p.conversation
    WHERE p.user_id = :user_id AND p.role = 'admin' AND p.left_offset IS NULL
    AND c.scope = :scope AND c.kind = 'room'"""
)
_HOLDS = "scope = :scope AND user_id = :user_id AND (expires_at IS NULL OR expires_at > :now)"
_BANNED = Query(f"SELECT conversation FROM ban WHERE {_HOLDS} AND conversation <> 0")
_MUTED = Query(f"SELECT conversation FROM mute WHERE {_HOLDS} AND conversation <> 0")


class InRoom(NamedTuple):
    """``last_join``: microseconds; None for who never was there."""

    messages: int = 0
    sessions: int = 0
    last_join: int | None = None
    is_there: bool = False
    is_admin: bool = False
    is_banned: bool = False
    is_muted: bool = False


class RoomUser(NamedTuple):
    """``ban`` and ``mute``: of all rooms at once."""

    rooms: dict[RoomRef, InRoom]
    ban: sanctions.Sanction | None
    mute: sanctions.Sanction | None


class SentMessage(NamedTuple):
    """``created_at``: microseconds; ``content``: empty when it was deleted."""

    conversation: int
    id: int
    seq: int
    created_at: int
    content: str
    is_deleted: bool

    @property
    def ref(self) -> RoomRef:
        return RoomRef(self.conversation, ROOMS)


class MessageFilter(NamedTuple):
    """A user's messages: of one room or of all, from a time on, in microseconds."""

    user_id: str
    room: RoomRef | None
    since: int


def unerased(
    db: Database, wanted: MessageFilter, after: int, limit: int
) -> list[tuple[ConversationRef, int]]:
    """Rooms and ids of messages behind one whose text is still there, in the order of the ids."""
    rows = _UNERASED.rows(
        db,
        scope=ROOMS,
        user_id=wanted.user_id,
        room=0 if wanted.room is None else wanted.room.id,
        since=wanted.since,
        after=after,
        limit=limit,
    )
    return [(RoomRef(conversation, ROOMS), message_id) for conversation, message_id in rows]


def newest_below(
    db: Database, user_id: str, before: int, window: tuple[int, int], limit: int
) -> tuple[list[SentMessage], bool]:
    """Newest first, up to the limit or 256 KiB of text, and whether there are older ones."""
    first, last = window
    taken: list[SentMessage] = []
    size = 0
    for row in _BELOW.each(
        db, scope=ROOMS, user_id=user_id, before=before, first=first, last=last, limit=limit + 1
    ):
        found = SentMessage(*row)
        size += len(found.content)
        if len(taken) == limit or (taken and size > PAGE_BYTES):
            return taken, True
        taken.append(found)
    return taken, False


def find(db: Database, user_id: str, now: int) -> RoomUser:
    """In each room where there is anything of them, in the order of creation."""
    found: dict[int, InRoom] = {}

    def note(conversation: int, **values: Any) -> None:
        found[conversation] = found.get(conversation, InRoom())._replace(**values)

    of: dict[str, str | int] = {"user_id": user_id, "scope": ROOMS}
    for conversation, messages in _MESSAGES.rows(db, **of):
        note(conversation, messages=messages)
    for conversation, sessions, last_join, open_ones in _SESSIONS.rows(db, **of):
        note(conversation, sessions=sessions, last_join=last_join, is_there=bool(open_ones))
    for (conversation,) in _ADMIN_OF.rows(db, **of):
        note(conversation, is_admin=True)
    for (conversation,) in _BANNED.rows(db, **of, now=now):
        note(conversation, is_banned=True)
    for (conversation,) in _MUTED.rows(db, **of, now=now):
        note(conversation, is_muted=True)
    rooms = {RoomRef(number, ROOMS): found[number] for number in sorted(found)}
    ban, mute = (sanctions.one(db, kind, ROOMS, user_id, now) for kind in sanctions.KINDS)
    return RoomUser(rooms, ban, mute)
