"""NEW_CONNECTIONS_PER_SECOND: who comes too early is told before the upgrade when to come again."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from world import PATIENCE_SECONDS, Room, eventually, running


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Room]:
    """One connection a second."""
    settings = {"NEW_CONNECTIONS_PER_SECOND": "1", "LOG_LEVEL": "info,access=info"}
    with running(tmp_path, **settings) as server:
        yield server.create_room()


def storm(room: Room, connections: int = 50) -> list[wire.Answer]:
    """The answers to upgrades that come at once."""
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(wire.dial(room.server)) for _ in range(connections)]
        for number, line in enumerate(lines):
            line.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=user-{number}"))
        return [wire.read_answer(line) for line in lines]


def test_a_storm_is_let_in_little_by_little(narrow: Room) -> None:
    answers = storm(narrow)
    assert [each.status for each in answers[:3]] == [101] * 3
    refused = [each for each in answers if each.status != 101]
    assert refused
    name = 'chatctl_connections_refused_total{reason="rate"}'
    assert narrow.server.figure(name) == len(refused)
    problem = refused[-1].json()
    assert (problem["status"], problem["code"]) == (503, "connection_limit")
    assert "NEW_CONNECTIONS_PER_SECOND" in problem["detail"]
    assert problem["request_id"] == refused[-1].headers["x-request-id"] != ""
    waits = [int(each.headers["retry-after"]) for each in refused]
    assert waits == sorted(waits)
    assert waits[0] >= 1
    assert waits[-1] > waits[0]
    assert '"GET /ws/rooms/' in narrow.server.log.read_text()
    assert '" 503 ' in narrow.server.log.read_text()
    path = wire.upgrade(f"/ws/rooms/{narrow.id}?user_id=anna")
    eventually(lambda: wire.ask(narrow.server, path).status == 101)


def test_the_request_id_of_a_refusal_is_the_clients(narrow: Room) -> None:
    assert storm(narrow)[-1].status == 503
    asked = wire.upgrade(f"/ws/rooms/{narrow.id}?user_id=anna", "X-Request-Id: mine")
    answer = wire.ask(narrow.server, asked)
    assert (answer.status, answer.headers["x-request-id"]) == (503, "mine")
    assert answer.json()["request_id"] == "mine"


def test_requests_and_the_admin_socket_are_not_limited(narrow: Room) -> None:
    server = narrow.server
    assert storm(narrow)[-1].status == 503
    for _ in range(10):
        assert server.http.get("/management/rooms").status_code == 200
    assert server.chatctl("status").returncode == 0
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_SECONDS)
        line.connect(f"{server.database}.admin.sock")
        line.sendall(wire.upgrade("/management/nothing"))
        assert wire.read_answer(line).status == 404


def test_without_a_limit_a_storm_is_let_in(tmp_path: Path) -> None:
    with running(tmp_path, NEW_CONNECTIONS_PER_SECOND="0") as server:
        assert {each.status for each in storm(server.create_room())} == {101}
