"""A server whose callbacks go to a receiver, at the documents' paths."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from receivers import Receiver, Request
from world import Server, eventually, running

PATHS = {
    "DATA_CALLBACK_URL": "/sync/room",
    "ROOM_EVENT_CALLBACK_URL": "/api/room-events",
    "CHAT_HISTORY_CALLBACK_URL": "/api/chat-history",
    "SESSION_HISTORY_CALLBACK_URL": "/api/session-history",
    "PERIODIC_SYNC_CALLBACK_URL": "/api/periodic-sync",
}
SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy0zMi1ieXRlcy1sb25n"
QUIET = {
    "SYNC_INTERVAL_SECONDS": "0",
    "CHAT_HISTORY_BATCH_INTERVAL_SECONDS": "0",
    "SESSION_HISTORY_BATCH_INTERVAL_SECONDS": "0",
    "CALLBACK_RETRY_DELAY_SECONDS": "0",
}


def urls(hook: Receiver, *names: str) -> dict[str, str]:
    """The settings that send those kinds, or all, to the receiver."""
    return {name: hook.origin + PATHS[name] for name in names or PATHS}


@contextlib.contextmanager
def calling(directory: Path, hook: Receiver, *names: str, **settings: str) -> Iterator[Server]:
    """A running server that calls back; its clocks are off unless the settings say so."""
    with running(directory, **{**QUIET, **urls(hook, *names), **settings}) as server:
        yield server


def at(hook: Receiver, name: str) -> list[Request]:
    """What came to that URL, in the order in which it came."""
    return [request for request in hook.requests if request.path == PATHS[name]]


def bodies(hook: Receiver, name: str) -> list[dict[str, Any]]:
    return [request.json for request in at(hook, name)]


def wait_at(hook: Receiver, name: str, count: int) -> list[Request]:
    def came() -> bool:
        return sum(request.path == PATHS[name] for request in hook._requests) >= count

    hook.wait_until(came, f"{count} requests at {PATHS[name]}")
    return at(hook, name)


def of_event(hook: Receiver, event: str) -> list[Request]:
    return [each for each in hook.requests if each.headers["x-chatctl-event"] == event]


def wait_for_event(hook: Receiver, event: str, count: int = 1) -> list[Request]:
    def came() -> bool:
        return sum(each.headers["x-chatctl-event"] == event for each in hook._requests) >= count

    hook.wait_until(came, f"{count} of {event}")
    return of_event(hook, event)


def request_sync(server: Server, **body: Any) -> None:
    answer = server.http.post("/management/sync", json=body or None)
    assert answer.status_code == 202, answer.text


def stored(server: Server, question: str) -> list[tuple[Any, ...]]:
    """Read beside the running server."""
    with contextlib.closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as db:
        return db.execute(question).fetchall()


def finished(server: Server, count: int) -> list[tuple[str, int, str]]:
    """Event, tries and status of the deliveries, once there are so many and none is pending."""
    question = "SELECT event, tries, status FROM delivery ORDER BY id"

    def are_finished() -> bool:
        found = stored(server, question)
        return len(found) >= count and all(status != "pending" for *_, status in found)

    eventually(are_finished)
    return stored(server, question)
