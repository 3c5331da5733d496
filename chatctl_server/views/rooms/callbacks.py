"""The bodies of callbacks: exactly the keys of the documents. Times are Unix seconds.

Note ``admin_ids`` here, where the API has ``admin_user_ids``.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from chatctl_server.domain import events, times
from chatctl_server.storage import messages, room_sessions
from chatctl_server.storage.rooms import Room
from chatctl_server.views.rooms.objects import (
    ChatEntry,
    RoomBasicInfo,
    SessionEntry,
    Stats,
    chat_entry,
    session_entry,
)

DIGEST_RECORDS = 1000


class RoomCreated(msgspec.Struct, frozen=True, tag_field="event_type"):
    room_id: str
    room_name: str
    admin_ids: tuple[str, ...]
    timestamp: int


class RoomClosed(msgspec.Struct, frozen=True, tag_field="event_type"):
    room_id: str
    final_stats: Stats
    timestamp: int


class UserJoined(msgspec.Struct, frozen=True, tag_field="event_type"):
    room_id: str
    user_id: str
    timestamp: int


class UserLeft(msgspec.Struct, frozen=True, tag_field="event_type"):
    """``duration`` in seconds."""

    room_id: str
    user_id: str
    duration: int
    timestamp: int


class ChatHistoryBatch(msgspec.Struct, frozen=True, tag_field="event_type"):
    """Oldest first."""

    room_id: str
    messages: list[ChatEntry]
    batch_id: str
    is_last_batch: bool
    timestamp: int


class SessionHistoryBatch(msgspec.Struct, frozen=True, tag_field="event_type"):
    """In the order in which they ended."""

    room_id: str
    sessions: list[SessionEntry]
    batch_id: str
    is_last_batch: bool
    timestamp: int


class Consistency(msgspec.Struct, frozen=True):
    """``last_message_at`` is None in an empty room; ``digest``: see ``digest``."""

    message_count: int
    session_count: int
    last_message_at: int | None
    digest: str


class PeriodicSync(msgspec.Struct, frozen=True, tag_field="event_type"):
    room_id: str
    room_info: RoomBasicInfo
    last_sync_time: int
    stats: Stats
    consistency: Consistency


def room_event(room_id: str, entry: events.Event) -> msgspec.Struct:
    """Of a room's creation, its close, a join or a leave."""
    at = times.seconds(entry.at)
    match entry.payload:
        case events.ConversationCreated(name=name, admins=admins):
            return RoomCreated(room_id, name, admins, at)
        case events.ConversationClosed(
            current_users=current_users, peak_users=peak_users, total_joins=total_joins
        ):
            return RoomClosed(room_id, Stats(current_users, peak_users, total_joins), at)
        case events.SessionJoined(user_id=user_id):
            return UserJoined(room_id, user_id, at)
        case events.SessionLeft(user_id=user_id, join_time=join_time, leave_time=leave_time):
            duration = times.seconds(leave_time) - times.seconds(join_time)
            return UserLeft(room_id, user_id, duration, times.seconds(leave_time))
    raise ValueError(f"{events.type_name(entry.payload)} is no event of a room")


def chat_history_batch(
    room_id: str, rows: Sequence[messages.Message], number: int, is_last: bool, at: int
) -> ChatHistoryBatch:
    entries = [chat_entry(row) for row in rows]
    batch_id = f"chat_{room_id}_{number}"
    return ChatHistoryBatch(room_id, entries, batch_id, is_last, times.seconds(at))


def session_history_batch(
    room_id: str, rows: Sequence[room_sessions.Session], number: int, is_last: bool, at: int
) -> SessionHistoryBatch:
    entries = [session_entry(row) for row in rows]
    batch_id = f"session_{room_id}_{number}"
    return SessionHistoryBatch(room_id, entries, batch_id, is_last, times.seconds(at))


def periodic_sync(
    room: Room,
    info: RoomBasicInfo,
    run_at: int,
    session_count: int,
    newest_messages: Iterable[messages.Message],
    newest_sessions: Iterable[room_sessions.Session],
) -> PeriodicSync:
    """The newest records of both histories as ``digest`` wants them."""
    last = times.seconds_or_none(room.last_message_at)
    return PeriodicSync(
        room_id=room.public_id,
        room_info=info,
        last_sync_time=times.seconds(run_at),
        stats=Stats(info.current_connections, room.peak_users, room.total_joins),
        consistency=Consistency(
            room.last_seq, session_count, last, digest(newest_messages, newest_sessions)
        ),
    )


def digest(
    newest_messages: Iterable[messages.Message], newest_sessions: Iterable[room_sessions.Session]
) -> str:
    """SHA-256, in hex, over the newest 1,000 messages and the newest 1,000 finished sessions of the
    history pages, in whatever order: over the sorted SHA-256, in hex, of each record. That of a
    record is over its values in the order of the keys, as text, each ended by a byte 0, which no
    text of ours contains."""
    records = [
        *(chat_entry(message) for message in newest_messages),
        *(session_entry(session) for session in newest_sessions),
    ]
    hashed = sorted(_record_digest(msgspec.structs.astuple(record)) for record in records)
    return hashlib.sha256("".join(hashed).encode()).hexdigest()


def _record_digest(values: Sequence[str | int]) -> str:
    return hashlib.sha256("".join(f"{value}\0" for value in values).encode()).hexdigest()
