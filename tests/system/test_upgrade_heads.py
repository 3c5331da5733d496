"""Upgrade requests that the parser refuses, and connections that a stop meets half-way."""

import socket

import pytest
from world import Server

HEAD = (
    "GET /ws/rooms/{room}?user_id=anna HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def send_head(server: Server, *lines: str) -> socket.socket:
    room = server.create_room()
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    raw.sendall((HEAD.format(room=room.id) + "".join(f"{line}\r\n" for line in lines)).encode())
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
    raw = send_head(shared_server, *lines, "")
    answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 431 ")
    raw.close()


@pytest.mark.own_protocol
def test_a_large_cookie_is_taken(shared_server: Server) -> None:
    raw = send_head(shared_server, "Cookie: " + 30_000 * "x", "")
    assert raw.recv(65536).startswith(b"HTTP/1.1 101 ")
    raw.close()


def test_a_stop_is_not_held_up_by_half_a_request(server: Server) -> None:
    anna = server.create_room().join("anna")
    halves = [send_head(server, "Cookie: " + 9000 * "x"), send_head(server)]
    assert server.stop() == 0
    assert anna.close_code() == 1012
    for raw in halves:
        raw.close()


@pytest.mark.own_protocol
def test_refused_upgrades_leave_no_error_in_the_log(server: Server) -> None:
    for _ in range(3):
        raw = send_head(server, "Origin: http://elsewhere", "X-Api-Key: no", "")
        raw.close()
        refused = server.http.get("/ws/rooms/none")
        assert refused.status_code == 400
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    raw.sendall(HEAD.format(room="11111111-1111-4111-8111-111111111111").encode() + b"\r\n")
    answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    raw.close()
    server.stop()
    log = server.log.read_text()
    assert '"level":"error"' not in log
    assert "Traceback" not in log
