"""What the host pulls, and its request to have it pushed (contract, section 1); also of more rooms
and events than one query reads: nothing is left out."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from offline import HOST, SECOND, Offline
from world import Room, Server, eventually, running

from chatctl_server.actions import conversations, followers
from chatctl_server.domain.times import rfc3339

T = 1_700_000_000


def payload_of(room: Room) -> dict[str, Any]:
    answer = room.server.http.get("/management/sync")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    (found,) = [each for each in answer.json() if each["room_id"] == room.id]
    return dict(found)


def test_the_whole_of_a_room(room: Room) -> None:
    http = room.server.http
    http.put(f"{room.path}/admins", json={"admin_user_ids": ["zoe", "boss"]})
    room.ban("yan")
    room.ban("ben")
    anna, bert = room.join("anna", nickname="Anna A."), room.join("bert")
    anna.say("one")
    bert.say("two")
    anna.close()
    bert.receive("UserLeft")
    payload = payload_of(room)
    created_at = payload["created_at"]
    (session,) = payload.pop("session_history")
    assert session["duration_seconds"] == session["leave_time"] - session["join_time"]
    assert list(session) == ["user_id", "nickname", "join_time", "leave_time", "duration_seconds"]
    assert (session["user_id"], session["nickname"]) == ("anna", "Anna A.")
    chat = payload.pop("chat_history")
    assert [each.pop("created_at") for each in chat][-1] == payload["last_activity"]
    assert chat == [
        {"user_id": "anna", "nickname": "Anna A.", "content": "one"},
        {"user_id": "bert", "nickname": "bert", "content": "two"},
    ]
    assert payload == {
        "room_id": room.id,
        "room_name": "lobby",
        "admin_user_ids": ["boss", "zoe"],
        "banned_user_ids": ["ben", "yan"],
        "current_connections": 1,
        "created_at": created_at,
        "last_activity": payload["last_activity"],
        "start_time": created_at,
        "current_users": 1,
        "peak_users": 2,
        "total_joins": 2,
        "stats": {"current_users": 1, "peak_users": 2, "total_joins": 2},
        "chat_history_total": 2,
        "session_history_total": 1,
    }


def test_the_basic_information(room: Room) -> None:
    def info() -> dict[str, Any]:
        answer = room.server.http.get("/management/sync/rooms")
        assert answer.status_code == 200
        (found,) = [each for each in answer.json() if each["room_id"] == room.id]
        return dict(found)

    created_at = room.details()["start_time"]
    assert info() == {
        "room_id": room.id,
        "room_name": "lobby",
        "admin_user_ids": ["boss"],
        "current_connections": 0,
        "created_at": created_at,
        "last_activity": created_at,
    }
    room.join("anna").say("hello")
    assert info()["current_connections"] == 1
    assert info()["last_activity"] == room.history()[0]["created_at"]


def test_closed_rooms_are_left_out(room: Room) -> None:
    room.server.http.delete(room.path)
    for url in ("/management/sync", "/management/sync/rooms"):
        found = room.server.http.get(url).json()
        assert room.id not in {each["room_id"] for each in found}


def test_an_empty_server_and_the_lengths_that_are_settings(tmp_path: Path) -> None:
    with running(tmp_path, SYNC_HISTORY_LIMIT="0", HISTORY_PAGE_LIMIT="2") as server:
        for url in ("/management/sync", "/management/sync/rooms", "/management/rooms"):
            assert server.http.get(url).json() == []
        room = server.create_room()
        anna = room.join("anna")
        for text in ("one", "two", "three"):
            anna.say(text)
        anna.close()
        payload = eventually(lambda: (found := payload_of(room))["session_history_total"] and found)
        assert (payload["chat_history"], payload["session_history"]) == ([], [])
        assert payload["chat_history_total"] == 3
        assert [each["content"] for each in room.history(limit=10)] == ["three", "two"]
        listed = server.http.get(f"{room.path}/messages", params={"limit": 10})
        assert [each["content"] for each in listed.json()] == ["three", "two"]
        assert "before=2&limit=2" in listed.headers["link"]


def requests_of(server: Server, **query: str) -> list[dict[str, Any]]:
    answer = server.http.get(
        "/management/events", params={"type": "sync.requested", "tail": "true", **query}
    )
    return [dict(each) for each in answer.json()]


def test_a_request_for_everything(shared_server: Server) -> None:
    """Also with a body that does not say it is JSON, as ``curl -d ''`` sends one."""
    for content, kind in (
        (b"", None),
        (b"{}", "application/json"),
        (b" \n", "application/json; charset=utf-8"),
        (b"", "application/json"),
        (b"now=1", "application/x-www-form-urlencoded"),
        (b"please", "text/plain"),
        (b'{"kinds": ["chat_history"]}', None),
    ):
        before = len(requests_of(shared_server))
        headers = {} if kind is None else {"content-type": kind}
        answer = shared_server.http.post("/management/sync", content=content, headers=headers)
        assert answer.status_code == 202
        recorded = requests_of(shared_server)
        assert len(recorded) == before + 1
        newest = recorded[-1]
        assert (newest["room_id"], newest["credential"]) == (None, "api-key")
        data = newest["data"]
        assert data.pop("due_at") == newest["at"]
        times = {"from_time": None, "to_time": None}
        assert data == {"kinds": ["data", "periodic"], **times, "full": False}


def test_a_request_for_one_room(room: Room) -> None:
    body = {
        "kinds": ["chat_history", "session_history"],
        "room_id": room.id,
        "from": T,
        "to": T + 60,
        "full": True,
    }
    assert room.server.http.post("/management/sync", json=body).status_code == 202
    recorded = requests_of(room.server, room=room.id)
    assert [each["data"]["kinds"] for each in recorded] == [["chat_history"], ["session_history"]]
    for each in recorded:
        data = each["data"]
        assert (each["room_id"], data["full"]) == (room.id, True)
        times = (data["from_time"], data["to_time"])
        assert times == (rfc3339(T * SECOND), rfc3339((T + 61) * SECOND - 1))


def test_a_part_of_the_history_is_of_both_histories(shared_server: Server) -> None:
    for body in ({"full": True}, {"from": T}, {"to": T}):
        room = shared_server.create_room()
        asked = {"room_id": room.id, **body}
        assert shared_server.http.post("/management/sync", json=asked).status_code == 202
        kinds = [each["data"]["kinds"] for each in requests_of(shared_server, room=room.id)]
        assert kinds == [["chat_history"], ["session_history"]]


def test_a_closed_room_has_histories_and_no_state(room: Room) -> None:
    room.server.http.delete(room.path)
    for kind, status in (("chat_history", 202), ("data", 404)):
        asked = {"room_id": room.id, "kinds": [kind]}
        assert room.server.http.post("/management/sync", json=asked).status_code == status


ROOMS = 1001
NAMES = [f"room {number}" for number in range(ROOMS)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The first room has 105 messages and sessions, the newest at T + 104."""
    directory = tmp_path_factory.mktemp("large")
    desk = Offline(directory / "chat.db", now=T * SECOND)
    first, *_ = desk.together(*((conversations.create_room, HOST, name, ()) for name in NAMES))
    for number in range(105):
        desk.now = (T + number) * SECOND
        desk.post(first.ref, f"u{number}", f"text {number}")
        desk.stay(first.ref, f"u{number}", 1)
    desk.call(followers.heartbeat)
    desk.close()
    with running(directory) as server:
        yield server


def test_all_rooms_are_listed(large: Server) -> None:
    for url in ("rooms", "sync/rooms", "sync", "rooms?match=room*"):
        found = large.http.get(f"/management/{url}").json()
        assert [each["room_name"] for each in found] == NAMES, url
    last = large.http.get("/management/rooms", params={"match": NAMES[-1], "limit": 1})
    assert [each["room_name"] for each in last.json()] == NAMES[-1:]


def test_a_sync_has_the_newest_hundred_oldest_first(large: Server) -> None:
    first = large.http.get("/management/sync").json()[0]
    newest = [f"u{number}" for number in range(5, 105)]
    assert [each["user_id"] for each in first["chat_history"]] == newest
    assert [each["user_id"] for each in first["session_history"]] == newest
    assert (first["chat_history_total"], first["session_history_total"]) == (105, 105)
    assert first["last_activity"] == T + 104


def test_a_stream_tells_all_that_was_before_it(large: Server) -> None:
    with large.http.stream("GET", "/management/events/stream", params={"after": 0}) as answer:
        told = (json.loads(line) for line in answer.iter_lines() if line)
        offsets = [event["offset"] for event in itertools.islice(told, ROOMS)]
    assert offsets == list(range(1, ROOMS + 1))


def test_the_status_counts_followers_and_bytes(large: Server) -> None:
    large.create_room()
    wal = large.database.with_name("chat.db-wal")

    def is_told() -> bool:
        status = large.http.get("/management/status").json()
        assert set(status["backlog"]["followers"]) == {"audit", "callbacks", "syncs"}
        assert wal.stat().st_size > 0
        return bool(status["database_bytes"] == large.database.stat().st_size + wal.stat().st_size)

    eventually(is_told)
