"""A closed room is removed: for who asks, for who listens, and for its callbacks."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import wire
from hooks import QUIET, stored, wait_for_event
from receivers import answer, hang, receiver
from world import Room, Server, eventually, running

ALLOWED = {"CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8"}


def purge(room: Room) -> httpx.Response:
    return room.server.http.delete(room.path, params={"purge": "true"})


def closed(server: Server, name: str = "lobby") -> Room:
    """A room in which something was said, and which is closed."""
    room = server.create_room(name, admins=("boss",))
    anna = room.join("anna")
    assert anna.say("a word of anna's")["seq"] == 1
    anna.close()
    room.ban("mallory")
    eventually(lambda: room.details()["current_users"] == 0)
    assert server.http.delete(room.path).status_code == 204
    return room


def events(server: Server, **query: Any) -> list[dict[str, Any]]:
    answered = server.http.get("/management/events", params={"limit": 1000, **query})
    assert answered.status_code == 200, answered.text
    return list(answered.json())


def test_nobody_finds_it_any_more(shared_server: Server) -> None:
    server = shared_server
    other, room = closed(server, "other"), closed(server)
    assert "word" in server.http.get(f"/management/sync/chat-history/{room.id}").text
    assert purge(room).status_code == 204
    assert purge(room).status_code == 404
    for path in (room.path, f"{room.path}/bans", f"/management/sync/chat-history/{room.id}"):
        answered = server.http.get(path)
        assert (answered.status_code, answered.json()["code"]) == (404, "room_not_found"), path
    listed = server.http.get("/management/rooms", params={"status": "all"}).json()
    assert other.id in [each["room_id"] for each in listed]
    assert room.id not in [each["room_id"] for each in listed]
    rooms_of_anna = server.http.get("/management/room-users/anna").json()["rooms"]
    assert room.id not in [each["room_id"] for each in rooms_of_anna]
    assert [each["content"] for each in other.history()] == ["a word of anna's"]
    refused = wire.ask(server, wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna"))
    assert refused.status == 404


def test_the_log_says_only_that_it_was_removed(shared_server: Server) -> None:
    room = closed(shared_server)
    before = events(shared_server, room=room.id)
    assert {"room.created", "message.posted", "room.closed"} <= {each["type"] for each in before}
    purge(room)
    found = events(shared_server)
    (left,) = [each for each in found if each["room_id"] == room.id]
    assert (left["type"], left["credential"]) == ("room.purged", "api-key")
    assert left["data"] == {"kind": "room", "public_id": room.id}
    assert not {each["offset"] for each in before} & {each["offset"] for each in found}
    # Who has read up to one of them goes on behind it.
    behind = events(shared_server, after=before[-1]["event_id"])
    assert behind[-1] == found[-1]
    assert behind[0]["offset"] > before[-1]["offset"]


def test_an_open_room_stays(shared_server: Server) -> None:
    room = shared_server.create_room()
    room.join("anna").say("hello")
    refused = purge(room)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "is open" in refused.json()["detail"]
    assert [each["content"] for each in room.history()] == ["hello"]
    assert "closed_at" not in room.details()


def told(lines: Iterator[str], type_: str) -> list[dict[str, Any]]:
    """Up to the next event of that type."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != type_:
        found += [json.loads(line) for line in [next(lines)] if line]
    return found


def test_who_follows_the_log_is_not_told_what_was_removed(shared_server: Server) -> None:
    path = "/management/events/stream"
    with shared_server.http.stream("GET", path) as first:
        following = first.iter_lines()
        closed(shared_server)
        start = told(following, "room.closed")[-1]["offset"]
        second = closed(shared_server, "second")  # its events are in memory
        assert told(following, "room.closed")[-1]["room_id"] == second.id
        assert purge(second).status_code == 204
        with shared_server.http.stream("GET", path, params={"after": start}) as late:
            (found,) = told(late.iter_lines(), "room.purged")
        assert found["room_id"] == second.id


def test_what_waits_for_a_dead_receiver_goes_too(tmp_path: Path) -> None:
    with receiver(answer(500)) as dead, receiver(answer(200)) as alive:
        settings = {**QUIET, "CALLBACK_RETRY_DELAY_SECONDS": "60"} | ALLOWED
        with running(tmp_path, DATA_CALLBACK_URL=dead.url, **settings) as server:
            added = {"url": alive.url, "events": ["room.*"]}
            assert server.http.post("/management/callbacks", json=added).status_code == 201
            room, other = closed(server), closed(server, "other")
            of_room = "SELECT count(*) FROM delivery WHERE status = 'pending' AND conversation = "
            eventually(lambda: stored(server, f"{of_room} 1") == [(2,)])
            wait_for_event(alive, "room.closed", 2)
            assert purge(room).status_code == 204
            told = wait_for_event(alive, "room.purged")[0].json
            assert (told["type"], told["room_id"]) == ("room.purged", room.id)
            assert stored(server, f"{of_room} 1") == [(0,)]
            assert server.http.get("/management/status").json()["messages"] == 1
            left = "SELECT event FROM delivery WHERE conversation = 1"
            assert stored(server, left) == [("room.purged",)]
            assert stored(server, f"{of_room} 2") == [(2,)]
            assert other.details()["room_name"] == "other"
            server.stop()
        assert "Traceback" not in server.log.read_text()


def test_a_try_under_way_ends_as_nothing(tmp_path: Path) -> None:
    with receiver(hang()) as slow:
        settings = {**QUIET, "CALLBACK_TIMEOUT_SECONDS": "1"}
        with running(tmp_path, DATA_CALLBACK_URL=slow.url, **settings) as server:
            room = closed(server)
            slow.wait_for(1)
            assert purge(room).status_code == 204
            time.sleep(1.5)
            assert stored(server, "SELECT count(*) FROM delivery") == [(0,)]
            assert stored(server, "SELECT count(*) FROM attempt") == [(0,)]
            assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_a_server_removes_what_was_closed_long_ago(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        closed(server)
        server.stop()
    with contextlib.closing(sqlite3.connect(server.database)) as db:
        two_days = 2 * 24 * 3600 * 1_000_000
        db.execute("UPDATE conversation SET closed_at = closed_at - ?", (two_days,))
        db.commit()
    with running(tmp_path, RETENTION_CLOSED_DAYS="1") as server:
        eventually(lambda: stored(server, "SELECT count(*) FROM conversation") == [(0,)])
