"""A server with more rooms and events than one query reads: nothing is left out."""

import itertools
import json
from collections.abc import Iterator

import pytest
from offline import HOST, Offline
from world import Server, eventually, running

from chatctl_server.actions import conversations, followers

ROOMS = 1001
NAMES = [f"room {number}" for number in range(ROOMS)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("large")
    desk = Offline(directory / "chat.db")
    desk.together(*((conversations.create_room, HOST, name, ()) for name in NAMES))
    desk.call(followers.heartbeat)
    desk.close()
    with running(directory) as server:
        yield server


def test_all_rooms_are_listed(large: Server) -> None:
    for url in ("/management/rooms", "/management/sync/rooms", "/management/rooms?match=room*"):
        assert [each["room_name"] for each in large.http.get(url).json()] == NAMES
    last = large.http.get("/management/rooms", params={"match": NAMES[-1], "limit": 1})
    assert [each["room_name"] for each in last.json()] == NAMES[-1:]


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
