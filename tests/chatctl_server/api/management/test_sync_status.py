"""How far each kind of callback got in each room, and the figures of callbacks."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from admin import Admin
from application import pages
from hooks import calling, request_sync, wait_at
from receivers import Receiver, answer, receiver, when
from world import Room, Server, eventually

CHAT = "CHAT_HISTORY_CALLBACK_URL"
SESSIONS = "SESSION_HISTORY_CALLBACK_URL"
EVENTS = "ROOM_EVENT_CALLBACK_URL"
PATH = "/management/sync/status"


@pytest.fixture(scope="module")
def broken() -> Iterator[Receiver]:
    """Histories arrive, other events do not."""
    with receiver(when(lambda each: each.path == "/api/room-events", answer(500))) as made:
        yield made


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, broken: Receiver) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("status")
    with calling(directory, broken, CHAT, SESSIONS, EVENTS, CALLBACK_MAX_RETRIES="1") as server:
        yield server


def status(server: Server, **query: Any) -> list[dict[str, Any]]:
    answered = server.http.get(PATH, params=query)
    assert answered.status_code == 200, answered.text
    return list(answered.json())


def one(room: Room, kind: str) -> dict[str, Any]:
    (found,) = status(room.server, room=room.id, kind=kind)
    return found


def test_what_has_arrived_and_what_is_left(busy: Server, broken: Receiver) -> None:
    room = busy.create_room("hall")
    anna, bert = room.join("anna"), room.join("bert")
    for text in ("one", "two"):
        anna.say(text)
    before = one(room, "chat_history")
    assert before == {
        "kind": "chat_history",
        "room_id": room.id,
        "room_name": "hall",
        "pending": 0,
        "failed": 0,
        "last_delivered_at": None,
        "delivered_to": 0,
        "newest": 2,
        "lag": 2,
    }
    request_sync(busy, kinds=["chat_history"])
    eventually(lambda: one(room, "chat_history")["lag"] == 0)
    anna.say("three")
    after = one(room, "chat_history")
    assert (after["delivered_to"], after["newest"], after["lag"]) == (2, 3, 1)
    assert after["last_delivered_at"] > 1_000_000_000
    anna.close()
    bert.receive("UserLeft")
    sessions = one(room, "session_history")
    assert (sessions["delivered_to"], sessions["lag"]) == (0, 1)
    request_sync(busy, kinds=["session_history"])
    wait_at(broken, SESSIONS, 1)
    eventually(lambda: one(room, "session_history")["lag"] == 0)
    told = one(room, "session_history")
    assert told["delivered_to"] == told["newest"] == sessions["newest"]
    # The creation, two joins and a leave, each of which is given up after its second try.
    eventually(lambda: one(room, "room_event")["failed"] == 4)
    events = one(room, "room_event")
    assert (events["pending"], events["lag"], events["last_delivered_at"]) == (0, None, None)


def test_rooms_have_pages(busy: Server) -> None:
    rooms = [busy.create_room(f"room {number}").id for number in range(3)]
    busy.http.delete(f"/management/rooms/{rooms[1]}")
    rows = [*chain(*pages(busy.http, PATH, kind="room_event", limit=2))]
    assert {each["kind"] for each in rows} == {"room_event"}
    found = [each["room_id"] for each in rows]
    assert found[-3:] == rooms
    assert len(found) == len(set(found))
    kinds = [each["kind"] for each in status(busy, room=rooms[0])]
    assert kinds == ["room_event", "chat_history", "session_history"]


def test_without_urls_there_is_nothing_to_say(admin: Admin) -> None:
    admin.server.create_room()
    assert status(admin.server) == []


def figures(server: Server) -> dict[str, float]:
    lines = server.http.get("/metrics").text.splitlines()
    told = (line.rsplit(" ", 1) for line in lines if line.startswith("chatctl_callback_"))
    return {name: float(value) for name, value in told}


def test_the_figures(late_admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(200), answer(500))
    server, outcomes = late_admin.server, ("delivered", "retry", "failed")
    kinds = [f'chatctl_callback_tries_total{{kind="events",outcome="{each}"}}' for each in outcomes]
    before = figures(server)
    endpoint = late_admin.add(hook.url)
    server.create_room().ban("anna")
    late_admin.finished(endpoint)
    room = server.create_room()
    for user in ("bert", "carl"):
        room.ban(user)
    eventually(lambda: [each["tries"] for each in late_admin.deliveries(endpoint)] == [0, 1, 1])
    after = eventually(
        lambda: (
            found if (found := figures(server)).get(kinds[1], 0) > before.get(kinds[1], 0) else None
        )
    )
    grown = [after.get(name, 0) - before.get(name, 0) for name in kinds]
    assert grown == [1, 1, 0]
    count = 'chatctl_callback_latency_seconds_count{kind="events"}'
    assert after[count] - before.get(count, 0) == 2
    assert after['chatctl_callback_backlog{kind="events"}'] == 2
    assert after['chatctl_callback_oldest_pending_seconds{kind="events"}'] > 0
    assert after['chatctl_callback_backlog{kind="data"}'] == 0
    assert after['chatctl_callback_oldest_pending_seconds{kind="data"}'] == 0
