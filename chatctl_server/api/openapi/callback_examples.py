"""The part of the story that is about callbacks: to an endpoint whose name leads nowhere.

A sample that was sent to it has failed before the delivery is shown.
"""

from typing import Any, Final

from chatctl_server.api.openapi.descriptions import DELIVERY_ID, ENDPOINT_ID, ROOM_ID, TIME
from chatctl_server.api.openapi.example import Example

_ENDPOINT_PATH: Final = {"endpoint_id": ENDPOINT_ID}
_DELIVERY_PATH: Final = {"delivery_id": DELIVERY_ID}
_URL: Final = "https://hooks.example/chat"
_OF_SETTINGS: Final[dict[str, Any]] = {
    "endpoint_id": "019b76da-a800-7000-8000-000000000001",
    "origin": "settings",
    "kind": "chat_history",
    "scope": "rooms",
    "url": "https://host.example/api/chat-history",
    "events": [],
    "status": "enabled",
    "disabled_reason": None,
    "is_guarded": False,
    "has_secret": False,
    "secret_overlap_until": None,
    "created_at": TIME,
    "failing_since": None,
    "pending": 0,
    "oldest_pending_at": None,
    "failed": 0,
    "oldest_failed_at": None,
}
_ENDPOINT: Final = {
    **_OF_SETTINGS,
    "endpoint_id": ENDPOINT_ID,
    "origin": "added",
    "kind": "events",
    "url": _URL,
    "events": ["ban.*"],
    "is_guarded": True,
}
_CHANGED: Final = {**_ENDPOINT, "events": ["ban.*", "mute.*"]}
_DELIVERY: Final = {
    "delivery_id": DELIVERY_ID,
    "endpoint_id": ENDPOINT_ID,
    "kind": "events",
    "event": "test",
    "room_id": None,
    "status": "failed",
    "mark": "test",
    "number": None,
    "tries": 1,
    "tries_allowed": 1,
    "planned_at": TIME,
    "finished_at": TIME,
    "next_try_at": None,
    "last_status": None,
    "last_error": "dns",
}
_SAMPLE: Final = {
    "offset": 0,
    "event_id": "019b76da-a800-7000-8000-000000000000",
    "type": "test",
    "at": "2026-01-01T00:00:00.000000Z",
    "scope": None,
    "room_id": None,
    "conversation_id": None,
    "actor": None,
    "credential": "server",
    "address": None,
    "data": {},
}
_DETAILS: Final = {
    **_DELIVERY,
    "request": {
        "url": _URL,
        "headers": {
            "content-type": "application/json",
            "user-agent": "chatctl/0.1.0",
            "x-chatctl-event": "test",
            "x-chatctl-mark": "test",
            "webhook-id": DELIVERY_ID,
        },
        "body": _SAMPLE,
    },
    "attempts": [
        {
            "number": 1,
            "at": TIME,
            "latency_ms": 4.2,
            "status": None,
            "error": "dns",
            "detail": "…",
            "answer": "",
        }
    ],
}
_RESENT: Final = {
    **_DELIVERY,
    "status": "pending",
    "tries_allowed": 2,
    "finished_at": None,
    "next_try_at": TIME,
    "changed": True,
}
_TRY: Final[dict[str, Any]] = {
    "at": "2026-01-01T00:00:00.000000Z",
    "delivery_id": "…",
    "endpoint_id": ENDPOINT_ID,
    "url": _URL,
    "kind": "events",
    "event": "test",
    "room_id": None,
    "room_name": None,
    "number": 1,
    "mark": "test",
    "state": "sent",
    "status": None,
    "error": None,
    "latency_ms": None,
    "next": None,
    "retry_in_seconds": None,
}
SYNC_STATUS: Final = Example(
    "sync_status",
    [
        {
            "kind": "chat_history",
            "room_id": ROOM_ID,
            "room_name": "main hall",
            "pending": 0,
            "failed": 0,
            "last_delivered_at": None,
            "delivered_to": 0,
            "newest": 2,
            "lag": 2,
        }
    ],
    query={"room": ROOM_ID, "kind": "chat_history"},
)
CALLBACKS: Final = (
    Example(
        "add_endpoint", {**_ENDPOINT, "changed": True}, 201, body={"url": _URL, "events": ["ban.*"]}
    ),
    Example("list_endpoints", [_OF_SETTINGS, _ENDPOINT]),
    Example("show_endpoint", _ENDPOINT, path=_ENDPOINT_PATH),
    Example(
        "change_endpoint",
        {**_CHANGED, "changed": True},
        path=_ENDPOINT_PATH,
        body={"events": ["ban.*", "mute.*"]},
    ),
    Example(
        "test_endpoint",
        {"delivery_ids": [DELIVERY_ID]},
        202,
        path=_ENDPOINT_PATH,
        body={"event": "test"},
    ),
    Example(
        "list_deliveries",
        [_DELIVERY],
        query={"endpoint_id": ENDPOINT_ID, "status": "failed", "limit": 10},
    ),
    Example("show_delivery", _DETAILS, path=_DELIVERY_PATH),
    Example("resend_delivery", _RESENT, path=_DELIVERY_PATH),
    Example(
        "recover_deliveries",
        {"count": 0, "first": None, "last": None, "next": None},
        body={"since": TIME, "only": "failed", "dry_run": True},
    ),
    Example("follow_tries", _TRY),
    Example("remove_endpoint", {"changed": True}, path=_ENDPOINT_PATH),
)
