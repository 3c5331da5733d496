"""What a sync of a room carries, read in one snapshot."""

from typing import NamedTuple

from chatctl_server.storage import history_pages, messages, room_sessions, rooms, sanctions
from chatctl_server.storage.rooms import Room
from chatctl_server.storage.sql import Database


class RoomState(NamedTuple):
    """The newest entries of both histories, oldest first, and the totals."""

    room: Room
    banned_user_ids: list[str]
    messages: list[messages.Message]
    sessions: list[room_sessions.Session]
    session_total: int


def open_rooms(
    db: Database, after_id: int, limit: int, history_limit: int, now: int
) -> list[RoomState]:
    """In order of creation, from after that conversation id."""
    found = rooms.page(db, after_id, "open", limit)
    return [state(db, room, history_limit, now) for room in found]


def state(db: Database, room: Room, history_limit: int, now: int) -> RoomState:
    oldest = max(1, room.last_seq - history_limit + 1)
    every = (0, history_pages.LATEST)
    total = room_sessions.finished_total(db, room.ref, *every)
    newest = room_sessions.finished_page(db, room.ref, *every, 0, history_limit)
    return RoomState(
        room=room,
        banned_user_ids=sanctions.banned_users(db, room.ref, now),
        messages=messages.between(db, room.ref, oldest, room.last_seq),
        sessions=newest[::-1],
        session_total=total,
    )
