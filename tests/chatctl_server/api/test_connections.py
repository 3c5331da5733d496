"""Who is connected; NEW_CONNECTIONS_PER_SECOND and INBOUND_FRAMES_PER_SECOND: who comes too early
is told before the upgrade when to come again; who sends faster is closed with 4029."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from event_streams import follow
from websockets.exceptions import ConnectionClosed
from world import PATIENCE_SECONDS, Client, Room, Server, eventually, running


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
    log = narrow.server.log.read_text()
    assert '"GET /ws/rooms/' in log
    assert '" 503 ' in log
    path = wire.upgrade(f"/ws/rooms/{narrow.id}?user_id=anna")
    eventually(lambda: wire.ask(narrow.server, path).status == 101)


def test_who_is_refused_keeps_their_request_id_and_no_request_waits(narrow: Room) -> None:
    """Nor does anything on the admin socket."""
    server = narrow.server
    assert storm(narrow)[-1].status == 503
    asked = wire.upgrade(f"/ws/rooms/{narrow.id}?user_id=anna", "X-Request-Id: mine")
    answer = wire.ask(server, asked)
    assert (answer.status, answer.headers["x-request-id"]) == (503, "mine")
    assert answer.json()["request_id"] == "mine"
    for _ in range(10):
        assert server.http.get("/management/rooms").status_code == 200
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_SECONDS)
        line.connect(f"{server.database}.admin.sock")
        line.sendall(wire.upgrade("/management/nothing"))
        assert wire.read_answer(line).status == 404


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Takes one frame a second."""
    with running(tmp_path_factory.mktemp("hasty"), INBOUND_FRAMES_PER_SECOND="1") as server:
        yield server


SENDERS: dict[str, Callable[[Client], None]] = {
    "commands": lambda client: client.send("Ping", {"timestamp": 1}),
    "what cannot be decoded": lambda client: client.socket.send("{"),
    "binary frames": lambda client: client.socket.send(b"\0"),
    "pings": lambda client: client.socket.ping() and None,
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.own_protocol if kind == "pings" else ())
        for kind in SENDERS
    ],
)
def test_who_sends_too_fast_is_told_and_closed(hasty: Server, kind: str) -> None:
    room, figure = hasty.create_room(), 'chatctl_evictions_total{reason="too_fast"}'
    before = hasty.figure(figure)
    anna, bert = room.join("anna"), room.join("bert")
    bert.say("slowly")
    with contextlib.suppress(ConnectionClosed):
        for _ in range(100):
            SENDERS[kind](anna)
    frames, code = anna.last_frames()
    assert code == 4029
    assert frames[-1]["payload"] == {
        "message": "More than 1 frames a second",
        "code": "throttled",
        "retry_after": 1,
    }
    assert room.join("anna", since=0).say("back again")["seq"] == 2
    assert hasty.figure(figure) == before + 1
    assert bert.receive("UserLeft")["payload"]["user_id"] == "anna"


@pytest.mark.own_protocol
def test_each_part_of_a_message_counts(hasty: Server) -> None:
    anna = hasty.create_room().join("anna")
    with contextlib.suppress(ConnectionClosed):
        anna.socket.send(["{"] * 100)  # one message
    assert anna.close_code() == 4029


def test_the_limit_is_on_unless_it_is_switched_off(tmp_path: Path) -> None:
    with running(tmp_path, INBOUND_FRAMES_PER_SECOND="") as server:  # unset: the default
        anna = server.create_room().join("anna")
        for _ in range(298):
            anna.send("Ping", {"timestamp": 1})
        assert anna.say("the burst is allowed")["seq"] == 1
        text_of_one_byte = b"\x81\x81\0\0\0\0{"
        anna.socket.socket.sendall(text_of_one_byte * 20_000)  # more than three minutes' worth
        assert anna.close_code() == 4029


def test_without_a_limit_nobody_is_too_fast(tmp_path: Path) -> None:
    with running(tmp_path, INBOUND_FRAMES_PER_SECOND="0") as server:
        anna = server.create_room().join("anna")
        for _ in range(1000):
            anna.send("Ping", {"timestamp": 0})
        assert anna.say("still here")["seq"] == 1


def listed(server: Server) -> list[dict[str, Any]]:
    answer = server.http.get("/management/connections")
    assert answer.status_code == 200
    return [dict(each) for each in answer.json()]


def test_who_is_connected_and_from_where(tmp_path: Path) -> None:
    """In the order of the joins, streams too; the address is the one that a trusted proxy tells."""
    with running(tmp_path, TRUSTED_PROXIES="127.0.0.1/32") as server:
        lobby, hall = server.create_room("lobby"), server.create_room("hall")
        assert listed(server) == []
        bert = hall.join("bert")
        lobby.join("anna", nickname="Anna")
        with follow(hall, "carl"), wire.dial(server) as line:
            path = f"/ws/rooms/{lobby.id}?user_id=dora"
            line.sendall(wire.upgrade(path, "X-Forwarded-For: 203.0.113.7"))
            assert wire.read_answer(line).status == 101
            found = eventually(lambda: (rows := listed(server))[3:] and rows)
            shown = ("room_id", "room_name", "user_id", "nickname", "address")
            assert [tuple(each[name] for name in shown) for each in found] == [
                (hall.id, "hall", "bert", "bert", "127.0.0.1"),
                (lobby.id, "lobby", "anna", "Anna", "127.0.0.1"),
                (hall.id, "hall", "carl", "carl", "127.0.0.1"),
                (lobby.id, "lobby", "dora", "dora", "203.0.113.7"),
            ]
            member, _ = server.http.get(f"{hall.path}/members").json()
            assert found[0]["join_time"] == member["join_time"]
            done = server.chatctl("connections", "ls")
            cells = done.stdout.splitlines()[1].split("\t")
            assert (cells[:4], cells[5]) == (["lobby", "anna", "Anna", "127.0.0.1"], lobby.id)
            bert.close()
            eventually(lambda: "bert" not in str(listed(server)))
        eventually(lambda: [each["user_id"] for each in listed(server)] == ["anna"])
