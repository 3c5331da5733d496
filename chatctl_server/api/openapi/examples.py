"""One real call of each operation, with its answer. In this order they are a story: a test tells
it to a server that starts empty. The order is also that of the description and of the page.

anna and boss join after the room is made; anna is kicked before the sessions are asked for.
"""

from typing import Any, Final

from chatctl_server.api.openapi.callback_examples import CALLBACKS, SYNC_STATUS
from chatctl_server.api.openapi.descriptions import ROOM_ID, TIME
from chatctl_server.api.openapi.example import Example

__all__ = ["OF", "ORDER", "STORY", "Example"]
DAY = 86_400
_ROOM: Final = {"room_id": ROOM_ID}
_DETAILS: Final = {
    "room_id": ROOM_ID,
    "room_name": "lobby",
    "admin_user_ids": ["anna", "boss"],
    "start_time": TIME,
    "current_users": 2,
    "peak_users": 2,
    "total_joins": 2,
    "current_connections": 2,
    "created_at": TIME,
    "last_activity": TIME + 60,
}
_RENAMED: Final = {**_DETAILS, "room_name": "main hall", "same_name": 0}
_HELLO: Final = {
    "user_id": "anna",
    "nickname": "Anna",
    "content": "hello",
    "created_at": TIME + 60,
}
_DELETED: Final = {**_HELLO, "user_id": "trudy", "nickname": "trudy", "content": ""}
_OPENING: Final = {
    "user_id": "system",
    "nickname": "system",
    "content": "The doors are open.",
    "created_at": TIME + 60,
}
_SESSION: Final = {
    "user_id": "anna",
    "nickname": "Anna",
    "join_time": TIME + 30,
    "leave_time": TIME + 90,
    "duration_seconds": 60,
}
_PAGE: Final = {"current_page": 1, "page_size": 10, "has_next": False, "has_prev": False}
_CREATED: Final = {
    "offset": 1,
    "event_id": "019b76da-a800-7000-8000-000000000001",
    "type": "room.created",
    "at": "2026-01-01T00:00:00.000000Z",
    "scope": "rooms",
    "room_id": ROOM_ID,
    "conversation_id": ROOM_ID,
    "actor": None,
    "credential": "api-key",
    "address": "127.0.0.1",
    "data": {
        "kind": "room",
        "public_id": ROOM_ID,
        "name": "lobby",
        "admins": ["anna", "boss"],
    },
}


def _entry(user_id: str, reason: str | None, expires_at: int | None, by: str) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "reason": reason,
        by: None,
        "created_at": TIME + 60,
        "expires_at": expires_at,
    }


_BAN: Final = _entry("mallory", "spam", TIME + 60 + DAY, "banned_by")
_MUTE: Final = _entry("trudy", None, None, "muted_by")

_ROOMS: Final = (
    Example(
        "create_room",
        {"room_id": ROOM_ID, "websocket_url": f"/ws/rooms/{ROOM_ID}", "same_name": 0},
        body={"room_name": "lobby", "admin_user_ids": ["boss", "anna"]},
    ),
    Example("list_rooms", [_DETAILS], query={"match": "lob*", "limit": 10}),
    Example("show_room", _DETAILS, path=_ROOM),
    Example(
        "rename_room", {**_RENAMED, "changed": True}, path=_ROOM, body={"room_name": "main hall"}
    ),
    Example("replace_admins", {"changed": True}, path=_ROOM, body={"admin_user_ids": ["boss"]}),
    Example(
        "change_admins",
        {"changed": True, "admin_user_ids": ["boss", "zoe"]},
        path=_ROOM,
        body={"add": ["zoe"]},
    ),
    Example(
        "list_members",
        [
            {
                "user_id": "anna",
                "nickname": "Anna",
                "is_admin": False,
                "is_muted": False,
                "join_time": TIME + 30,
            },
            {
                "user_id": "boss",
                "nickname": "boss",
                "is_admin": True,
                "is_muted": False,
                "join_time": TIME + 30,
            },
        ],
        path=_ROOM,
    ),
)
_MESSAGES: Final = (
    Example(
        "list_connections",
        [
            {
                "room_id": ROOM_ID,
                "room_name": "main hall",
                "user_id": "anna",
                "nickname": "Anna",
                "address": "127.0.0.1",
                "join_time": TIME + 30,
            },
            {
                "room_id": ROOM_ID,
                "room_name": "main hall",
                "user_id": "boss",
                "nickname": "boss",
                "address": "127.0.0.1",
                "join_time": TIME + 30,
            },
        ],
    ),
    Example(
        "post_message",
        {"message_id": 1, "seq": 1, "created_at": TIME + 60, "duplicate": False},
        status=201,
        path=_ROOM,
        body={"content": "The doors are open.", "client_msg_id": "opening"},
    ),
    Example(
        "list_messages",
        [
            {
                "message_id": 1,
                "seq": 1,
                "kind": "system",
                "user_id": "system",
                "nickname": "system",
                "is_admin": False,
                "content": "The doors are open.",
                "created_at": TIME + 60,
                "deleted": False,
            }
        ],
        path=_ROOM,
        query={"limit": 10},
    ),
    Example("delete_message", {"changed": True}, path={**_ROOM, "message_id": 2}),
)
_MODERATION: Final = (
    Example(
        "ban_user",
        {**_BAN, "changed": True},
        path={**_ROOM, "user_id": "mallory"},
        body={"reason": "spam", "expires_in": DAY},
    ),
    Example("list_bans", [_BAN], path=_ROOM),
    Example("unban_user", {"changed": True}, path={**_ROOM, "user_id": "mallory"}),
    Example("mute_user", {**_MUTE, "changed": True}, path={**_ROOM, "user_id": "trudy"}, body={}),
    Example("list_mutes", [_MUTE], path=_ROOM),
    Example("unmute_user", {"changed": True}, path={**_ROOM, "user_id": "trudy"}),
    Example("kick_user", {"changed": True, "kicked": True}, path={**_ROOM, "user_id": "anna"}),
    Example(
        "ban_everywhere",
        {**_BAN, "changed": True},
        path={"user_id": "mallory"},
        body={"reason": "spam", "expires_in": DAY},
    ),
    Example("list_bans_everywhere", [_BAN]),
    Example("unban_everywhere", {"changed": True}, path={"user_id": "mallory"}),
    Example("mute_everywhere", {**_MUTE, "changed": True}, path={"user_id": "trudy"}, body={}),
    Example("list_mutes_everywhere", [_MUTE]),
    Example("unmute_everywhere", {"changed": True}, path={"user_id": "trudy"}),
    Example(
        "list_messages_of_user",
        [
            {
                "message_id": 2,
                "room_id": ROOM_ID,
                "room_name": "main hall",
                "seq": 2,
                "content": "",
                "created_at": TIME + 60,
                "deleted": True,
            }
        ],
        path={"user_id": "trudy"},
        query={"before": 100, "limit": 10},
    ),
    Example(
        "erase_messages",
        {"changed": False, "messages": 0},
        path={"user_id": "mallory"},
        query={"room": ROOM_ID, "since": TIME},
    ),
    Example(
        "show_room_user",
        {
            "user_id": "anna",
            "messages": 0,
            "sessions": 1,
            "ban": None,
            "mute": None,
            "rooms": [
                {
                    "room_id": ROOM_ID,
                    "room_name": "main hall",
                    "status": "open",
                    "messages": 0,
                    "sessions": 1,
                    "last_join_time": TIME + 30,
                    "is_connected": False,
                    "is_admin": False,
                    "is_banned": False,
                    "is_muted": False,
                }
            ],
        },
        path={"user_id": "anna"},
    ),
)
_SYNC: Final = (
    Example(
        "list_open_rooms",
        [
            {
                "room_id": ROOM_ID,
                "room_name": "main hall",
                "admin_user_ids": ["boss", "zoe"],
                "current_connections": 1,
                "created_at": TIME,
                "last_activity": TIME + 60,
            }
        ],
    ),
    Example(
        "chat_history",
        {
            "room_id": ROOM_ID,
            "records": [_DELETED, _OPENING],
            "pagination": {**_PAGE, "total_pages": 1, "total_records": 2},
        },
        path=_ROOM,
        query={"limit": 10},
    ),
    Example(
        "session_history",
        {
            "room_id": ROOM_ID,
            "records": [_SESSION],
            "pagination": {**_PAGE, "total_pages": 1, "total_records": 1},
        },
        path=_ROOM,
        query={"limit": 10},
    ),
    Example(
        "pull_everything",
        [
            {
                "room_id": ROOM_ID,
                "room_name": "main hall",
                "admin_user_ids": ["boss", "zoe"],
                "banned_user_ids": [],
                "current_connections": 1,
                "created_at": TIME,
                "last_activity": TIME + 60,
                "start_time": TIME,
                "current_users": 1,
                "peak_users": 2,
                "total_joins": 2,
                "chat_history": [_OPENING, _DELETED],
                "session_history": [_SESSION],
                "stats": {"current_users": 1, "peak_users": 2, "total_joins": 2},
                "chat_history_total": 2,
                "session_history_total": 1,
            }
        ],
    ),
    Example("request_sync", status=202, body={"kinds": ["data"], "room_id": ROOM_ID}),
    SYNC_STATUS,
)
_EVENTS: Final = (
    Example("list_events", [_CREATED], query={"type": "room.*", "limit": 1}),
    Example("follow_events", _CREATED, query={"type": "room.*", "after": "0"}),
)
# The client has the first message, and not yet that the second one was deleted.
_FOLLOWED: Final = """\
data: {"type":"WelcomeInfo","payload":{"user_id":"carl","nickname":"Carl","is_muted":false,\
"is_admin":false,"last_seq":2}}

id: 8
data: {"type":"MessageDeleted","payload":{"message_id":2,"seq":2}}"""
_STREAM: Final = (
    Example(
        "follow_room",
        _FOLLOWED,
        path=_ROOM,
        query={"user_id": "carl", "nickname": "Carl", "since": 1},
    ),
)
_SERVER: Final = (
    Example(
        "status",
        {
            "version": "0.1.0",
            "schema": "0001_baseline",
            "uptime_seconds": 3600,
            "started_at": TIME,
            "pid": 4711,
            "address": "http://127.0.0.1:3000",
            "database": "/var/lib/chatctl/chat.db",
            "database_bytes": 1_048_576,
            "durable": True,
            "connections": 1,
            "rooms_open": 1,
            "rooms_closed": 0,
            "messages": 2,
            "last_offset": 16,
            "backlog": {"writer": 0, "followers": {"audit": 0, "callbacks": 0, "syncs": 0}},
            "callbacks_pending": 0,
            "callbacks_failed": 0,
            "oldest_failed_at": None,
            "health": "healthy",
        },
    ),
    Example("management_health", "OK"),
    Example(
        "health",
        {
            "status": "healthy",
            "services": [
                {"name": "database", "status": "healthy", "latency_ms": 0.25, "error": None},
                {"name": "callbacks", "status": "healthy", "latency_ms": 0.25, "error": None},
            ],
            "version": "0.1.0",
            "timestamp": "2026-01-01T00:00:00.000000Z",
        },
    ),
    Example("simple_health", "OK"),
    Example("metrics", "# TYPE chatctl_messages_total counter\nchatctl_messages_total 2.0"),
)
_CLOSING: Final = (
    Example(
        "announce",
        {"message_id": 3, "seq": 3, "created_at": TIME + 90, "duplicate": False},
        path=_ROOM,
        body={"content": "The doors close."},
    ),
    Example("close_room", status=204, path=_ROOM),
)

# close_room is told last and stands with the rooms.
STORY: Final = (
    *_ROOMS, *_MESSAGES, *_MODERATION, *_SYNC, *CALLBACKS, *_EVENTS, *_STREAM, *_SERVER, *_CLOSING
)  # fmt: skip
ORDER: Final = tuple(
    example.operation
    for part in (
        _ROOMS,
        _CLOSING,
        _MESSAGES,
        _MODERATION,
        _SYNC,
        CALLBACKS,
        _EVENTS,
        _SERVER,
        _STREAM,
    )
    for example in part
)
OF: Final = {example.operation: example for example in STORY}
