"""Samples of the bodies, for an operator who tries an endpoint. Nothing in them is of a room."""

from collections.abc import Callable

import msgspec

from chatctl_server.domain import callbacks, event_id, times
from chatctl_server.views.events import EventObject
from chatctl_server.views.rooms import callbacks as views
from chatctl_server.views.rooms.objects import (
    ChatEntry,
    RoomBasicInfo,
    SessionEntry,
    Stats,
    SyncPayload,
)

ROOM_ID = "00000000-0000-4000-8000-000000000000"
_NAME = "chatctl test"
_USER = "chatctl-test"
_STATS = Stats(0, 1, 1)


def sample(event: str, at: int) -> msgspec.Struct:
    """``at``, in microseconds, is when all of it happened. Raises KeyError for another event."""
    return _event(at) if event == "test" else _MAKERS[event](times.seconds(at))


def _message(now: int) -> ChatEntry:
    return ChatEntry(_USER, _USER, "chatctl test", now)


def _session(now: int) -> SessionEntry:
    return SessionEntry(_USER, _USER, now - 60, now, 60)


def _info(now: int) -> RoomBasicInfo:
    return RoomBasicInfo(ROOM_ID, _NAME, (_USER,), 0, now, now)


def _event(at: int) -> EventObject:
    """It is in no log: its offset is 0."""
    return EventObject(
        offset=0,
        event_id=event_id.make(at, 0),
        type="test",
        at=times.rfc3339(at),
        scope=None,
        room_id=None,
        conversation_id=None,
        actor=None,
        credential="server",
        address=None,
        data={},
    )


def _data(now: int) -> SyncPayload:
    return SyncPayload(
        room_id=ROOM_ID,
        room_name=_NAME,
        admin_user_ids=(_USER,),
        banned_user_ids=(),
        current_connections=0,
        created_at=now,
        last_activity=now,
        start_time=now,
        current_users=0,
        peak_users=1,
        total_joins=1,
        chat_history=[_message(now)],
        session_history=[_session(now)],
        stats=_STATS,
        chat_history_total=1,
        session_history_total=1,
    )


_MAKERS: dict[str, Callable[[int], msgspec.Struct]] = {
    callbacks.DATA_SYNC: _data,
    callbacks.PERIODIC_SYNC: lambda now: views.PeriodicSync(
        ROOM_ID, _info(now), now, _STATS, views.Consistency(0, 0, None, views.digest([], []))
    ),
    "room_created": lambda now: views.RoomCreated(ROOM_ID, _NAME, (_USER,), now),
    "room_closed": lambda now: views.RoomClosed(ROOM_ID, _STATS, now),
    "user_joined": lambda now: views.UserJoined(ROOM_ID, _USER, now),
    "user_left": lambda now: views.UserLeft(ROOM_ID, _USER, 60, now),
    "chat_history_batch": lambda now: views.ChatHistoryBatch(
        ROOM_ID, [_message(now)], f"chat_{ROOM_ID}_0", True, now
    ),
    "session_history_batch": lambda now: views.SessionHistoryBatch(
        ROOM_ID, [_session(now)], f"session_{ROOM_ID}_0", True, now
    ),
}
