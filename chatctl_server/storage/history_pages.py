"""Pages of a room's history, newest first: ranges of seq for messages, join times for sessions."""

from typing import NamedTuple

from chatctl_server.domain.times import SECOND
from chatctl_server.storage import messages, room_sessions
from chatctl_server.storage.rooms import Room
from chatctl_server.storage.sql import Database

LATEST = 2**62


class Window(NamedTuple):
    """Unix seconds, both ends inclusive; None is open."""

    from_time: int | None
    to_time: int | None

    def microseconds(self) -> tuple[int, int]:
        """Within what the database can compare."""
        first = 0 if self.from_time is None else self.from_time * SECOND
        last = LATEST if self.to_time is None else self.to_time * SECOND + SECOND - 1
        return _within(first), _within(last)


class MessagePage(NamedTuple):
    room: Room
    records: list[messages.Message]
    total: int


class MessagesBelow(NamedTuple):
    """Of the window, with a seq below ``before``, and, unless it is None, of that sender."""

    window: Window
    before: int | None
    limit: int
    sender: str | None


class MessageSlice(NamedTuple):
    """Newest first. ``has_more``: older ones of the window follow."""

    room: Room
    records: list[messages.Message]
    has_more: bool


class SessionPage(NamedTuple):
    room: Room
    records: list[room_sessions.Session]
    total: int


def message_page(db: Database, room: Room, window: Window, page: int, size: int) -> MessagePage:
    """``page`` is 1-based."""
    first, last = _seq_range(db, room, window)
    newest = last - (page - 1) * size
    oldest = max(first, newest - size + 1)
    records = messages.between(db, room.ref, oldest, newest) if newest >= first else []
    return MessagePage(room, records[::-1], max(0, last - first + 1))


def messages_below(db: Database, room: Room, asked: MessagesBelow) -> MessageSlice:
    """Up to ``limit`` messages or 256 KiB of text."""
    first, last = _seq_range(db, room, asked.window)
    newest = last if asked.before is None else min(last, asked.before - 1)
    # seq has no holes, so the window's begin is a number of messages.
    wanted = min(asked.limit, newest - first + 1)
    if wanted < 1:
        return MessageSlice(room, [], False)
    if asked.sender is not None:
        return _of_sender(db, room, asked.sender, (first, newest), wanted)
    records = messages.newest_below(db, room.ref, newest + 1, wanted)[::-1]
    return MessageSlice(room, records, records[-1].seq > first)


def _of_sender(
    db: Database, room: Room, sender: str, span: tuple[int, int], limit: int
) -> MessageSlice:
    records = messages.of_sender(db, room.ref, sender, span, limit)
    older = (span[0], records[-1].seq - 1) if records else (1, 0)
    has_more = bool(messages.of_sender(db, room.ref, sender, older, 1))
    return MessageSlice(room, records, has_more)


def session_page(db: Database, room: Room, window: Window, page: int, size: int) -> SessionPage:
    """Finished sessions only."""
    first, last = window.microseconds()
    total = room_sessions.finished_total(db, room.ref, first, last)
    skip = (page - 1) * size
    records = []
    if skip < total:
        records = room_sessions.finished_page(db, room.ref, first, last, skip, size)
    return SessionPage(room, records, total)


def _seq_range(db: Database, room: Room, window: Window) -> tuple[int, int]:
    start, end = window.microseconds()
    first, last = 1, room.last_seq
    if window.from_time is not None:
        first = messages.first_seq_at(db, room.ref, room.last_seq, start)
    if window.to_time is not None:
        last = messages.first_seq_at(db, room.ref, room.last_seq, end + 1) - 1
    return first, last


def _within(microseconds: int) -> int:
    return max(-LATEST, min(LATEST, microseconds))
