"""What a sync of a room carries, read in one snapshot."""

from typing import NamedTuple

from peewee import Database

from chatctl_server.storage import conversations, history_pages, messages, room_sessions, sanctions


class RoomState(NamedTuple):
    """The newest entries of both histories, oldest first, and the totals."""

    listed: conversations.WithAdmins
    banned_user_ids: list[str]
    messages: list[messages.Message]
    sessions: list[room_sessions.Session]
    session_total: int


def open_rooms(
    db: Database, after_id: int, limit: int, history_limit: int, now: int
) -> list[RoomState]:
    """In order of creation, from after that conversation id."""
    found = conversations.page(db, "room", after_id, ("open", "open"), limit)
    return [state(db, listed, history_limit, now) for listed in found]


def state(
    db: Database, listed: conversations.WithAdmins, history_limit: int, now: int
) -> RoomState:
    room = listed.conversation
    oldest = max(1, room.last_seq - history_limit + 1)
    total = room_sessions.finished_total(db, room.id, 0, history_pages.LATEST)
    newest = room_sessions.finished_page(db, room.id, 0, history_pages.LATEST, 0, history_limit)
    return RoomState(
        listed=listed,
        banned_user_ids=[ban.user_id for ban in sanctions.bans(db, room.id, now)],
        messages=messages.between(db, room.id, oldest, room.last_seq),
        sessions=newest[::-1],
        session_total=total,
    )
