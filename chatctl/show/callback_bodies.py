"""What a callback's body tells, as a few words for a person; ``visible`` comes after it.

A body is anybody's JSON: of any shape.
"""

from collections.abc import Callable

from chatctl.link.client import Json
from chatctl.show import sentences
from chatctl.show.visible import json_text


def told(event: str, body: Json) -> str:
    """``event`` as in the header X-Chatctl-Event."""
    if not isinstance(body, dict):
        return "" if body is None else json_text(body)
    words = _WORDS.get(event)
    if words is not None:
        return words(body)
    data = body.get("data")
    try:
        return sentences.of(event, data) if isinstance(data, dict) else json_text(body)
    except (KeyError, TypeError):
        return json_text(body)


def room_name(body: Json) -> str | None:
    """Where it is told."""
    if not isinstance(body, dict):
        return None
    info = body.get("room_info")
    name = body.get("room_name", info.get("room_name") if isinstance(info, dict) else None)
    return name if isinstance(name, str) else None


def _created(body: Json) -> str:
    admins = body.get("admin_ids")
    if not isinstance(admins, list) or not admins:
        return f"{_text(body, 'room_name')}, no admins"
    return f"{_text(body, 'room_name')}, admins {', '.join(map(str, admins))}"


def _closed(body: Json) -> str:
    stats = body.get("final_stats")
    return f"peak {_text(stats, 'peak_users')}, joins {_text(stats, 'total_joins')}"


def _joined(body: Json) -> str:
    return _text(body, "user_id")


def _left(body: Json) -> str:
    return f"{_text(body, 'user_id')} after {_text(body, 'duration')} s"


def _batch(name: str) -> Callable[[Json], str]:
    def words(body: Json) -> str:
        found = body.get(name)
        count = len(found) if isinstance(found, list) else "?"
        number = _text(body, "batch_id").rpartition("_")[2]
        rest = "the last" if body.get("is_last_batch") is True else "more follow"
        return f"#{number}, {name} {count}, {rest}"

    return words


def _periodic(body: Json) -> str:
    counted = body.get("consistency")
    users = _text(body.get("stats"), "current_users")
    messages, sessions = _text(counted, "message_count"), _text(counted, "session_count")
    return f"users {users}, messages {messages}, sessions {sessions}"


def _data(body: Json) -> str:
    messages, sessions = _text(body, "chat_history_total"), _text(body, "session_history_total")
    users = _text(body, "current_users")
    return f"{_text(body, 'room_name')}: users {users}, messages {messages}, sessions {sessions}"


def _text(found: Json, key: str) -> str:
    value = found.get(key) if isinstance(found, dict) else None
    return "?" if value is None else value if isinstance(value, str) else json_text(value)


_WORDS: dict[str, Callable[[Json], str]] = {
    "room_created": _created,
    "room_closed": _closed,
    "user_joined": _joined,
    "user_left": _left,
    "chat_history_batch": _batch("messages"),
    "session_history_batch": _batch("sessions"),
    "periodic_sync": _periodic,
    "data_sync": _data,
}
