"""Upgrade requests that the parser refuses, and connections that a stop meets half-way."""

import socket

import pytest
import wire
from world import Server


def send_head(server: Server, *lines: str, is_whole: bool = True) -> socket.socket:
    path = f"/ws/rooms/{server.create_room().id}?user_id=anna"
    raw = wire.dial(server)
    raw.sendall(wire.upgrade(path, *lines)[: None if is_whole else -2])
    return raw


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Cookie: " + 33_000 * "x"], id="a long line"),
        pytest.param(
            [f"X-{number}: 1" for number in range(200)],
            id="many lines",
            marks=pytest.mark.own_protocol,
        ),
    ],
)
def test_too_large_a_head_is_answered_and_closed(shared_server: Server, lines: list[str]) -> None:
    raw = send_head(shared_server, *lines)
    assert wire.read_to_end(raw).startswith(b"HTTP/1.1 431 ")
    raw.close()


@pytest.mark.own_protocol
def test_a_large_cookie_is_taken(shared_server: Server) -> None:
    raw = send_head(shared_server, "Cookie: " + 30_000 * "x")
    assert raw.recv(65536).startswith(b"HTTP/1.1 101 ")
    raw.close()


def test_a_stop_is_not_held_up_by_half_a_request(server: Server) -> None:
    anna = server.create_room().join("anna")
    halves = [
        send_head(server, *lines, is_whole=False) for lines in (["Cookie: " + 9000 * "x"], [])
    ]
    assert server.stop() == 0
    assert anna.close_code() == 1012
    for raw in halves:
        raw.close()


@pytest.mark.own_protocol
def test_refused_upgrades_leave_no_error_in_the_log(server: Server) -> None:
    for _ in range(3):
        raw = send_head(server, "Origin: http://elsewhere", "X-Api-Key: no")
        raw.close()
        refused = server.http.get("/ws/rooms/none")
        assert refused.status_code == 400
    nowhere = "/ws/rooms/11111111-1111-4111-8111-111111111111?user_id=anna"
    assert wire.ask(server, wire.upgrade(nowhere)).status == 404
    server.stop()
    log = server.log.read_text()
    assert '"level":"error"' not in log
    assert "Traceback" not in log
