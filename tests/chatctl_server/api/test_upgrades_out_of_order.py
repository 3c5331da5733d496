"""Requests for an upgrade where none is expected: behind a request without its answer, over
HTTP/1.0, and with frames right behind them."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
from world import KEY, Room, eventually

UPGRADE = (
    "GET /ws/rooms/{room}?user_id=anna HTTP/{version}\r\nHost: chat\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


def upgrade(room: Room, *, version: str = "1.1", more: str = "") -> bytes:
    return UPGRADE.format(room=room.id, version=version, more=more).encode()


@pytest.fixture
def raw(room: Room) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", room.server.port), timeout=10) as connection:
        yield connection


def all_of(raw: socket.socket) -> bytes:
    return b"".join(iter(lambda: raw.recv(65536), b""))


def test_behind_a_stream(room: Room, raw: socket.socket) -> None:
    bert = room.join("bert")
    path = f"/events/rooms/{room.id}?user_id=anna"
    raw.sendall(f"GET {path} HTTP/1.1\r\nHost: chat\r\n\r\n".encode())
    assert bert.receive("UserJoined")["payload"]["user_id"] == "anna"
    raw.sendall(upgrade(room))
    told = all_of(raw)
    assert told.startswith(b"HTTP/1.1 200 ")
    assert b" 101 " not in told
    assert bert.receive("UserLeft")["payload"]["user_id"] == "anna"
    assert bert.say("goes on")["seq"] == 1
    eventually(lambda: room.server.figure("chatctl_connections") == 1)


def test_behind_a_request_without_its_answer(room: Room, raw: socket.socket) -> None:
    raw.sendall(b"GET /management/health HTTP/1.1\r\nHost: chat\r\n\r\n" + upgrade(room))
    told = all_of(raw)
    assert told.startswith(b"HTTP/1.1 400 ")
    head, _, body = told.partition(b"\r\n\r\n")
    assert b"retry-after" not in head
    assert json.loads(body)["code"] == "invalid_input"


def test_behind_a_request_with_its_answer(room: Room, raw: socket.socket) -> None:
    raw.sendall(b"GET /management/health HTTP/1.1\r\nHost: chat\r\n\r\n")
    answer = raw.recv(65536)
    while not answer.endswith(b"OK"):
        answer += raw.recv(65536)
    raw.sendall(upgrade(room))
    assert raw.recv(65536).startswith(b"HTTP/1.1 101 ")
    raw.settimeout(6)  # longer than an idle connection of HTTP lasts
    with contextlib.suppress(TimeoutError):
        while (told := raw.recv(65536)) != b"":
            pass
    assert told


@pytest.mark.parametrize("more", ["", "Sec-WebSocket-Protocol: chat\r\n"])
def test_over_an_old_version(room: Room, raw: socket.socket, more: str) -> None:
    raw.sendall(upgrade(room, version="1.0", more=more))
    assert all_of(raw).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("more", ["", "Sec-WebSocket-Protocol: chat\r\n"])
@pytest.mark.parametrize("first", [1, 20, -9, -8, -7, -1, None])
def test_frames_right_behind_it(
    room: Room, raw: socket.socket, more: str, first: int | None
) -> None:
    """However the bytes are split."""
    bert = room.join("bert")
    message = json.dumps({"type": "SendMessage", "payload": {"content": "\r\n\r\nearly"}}).encode()
    frame = bytes((0x81, 0x80 | len(message))) + bytes(4) + message
    head = upgrade(room, more=more)
    data = head + frame
    cut = len(data) if first is None else first if first > 0 else len(head) + first + 4
    raw.sendall(data[:cut])
    time.sleep(0.05)
    raw.sendall(data[cut:])
    assert bert.receive("Message")["payload"]["content"] == "\r\n\r\nearly"


FOREIGN = (
    "POST /management/rooms HTTP/1.1\r\nHost: chat\r\nX-Api-Key: {key}\r\n"
    "Connection: Upgrade, HTTP2-Settings\r\nUPGRADE: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    "Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
)


CUTS = ("", "\r", "\r\n", "\r\nUP", "\r\nUPGRADE", "\r\nUPGRADE:", "\r\nUPGRADE: h2c", "\r\n\r")


@pytest.mark.parametrize("cut", CUTS)
def test_an_upgrade_to_something_else_is_declined(room: Room, raw: socket.socket, cut: str) -> None:
    """As clients in Java ask for one: the request and its body count, and are one request."""
    user = "GET /management/health HTTP/1.1\\r\\n\\r\\n"
    body = f'{{"room_name": "lobby", "admin_user_ids": ["{user}"]}}'.encode()
    request = FOREIGN.format(key=KEY, size=len(body))
    if cut:
        first, mark, rest = request.partition(cut)
        raw.sendall((first + mark).encode())
        time.sleep(0.1)
        request = rest
    raw.sendall(request.encode())
    time.sleep(0.1)
    raw.sendall(
        body + b"GET /management/health HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n"
    )
    told = all_of(raw)
    assert told.count(b"HTTP/1.1 ") == told.count(b"HTTP/1.1 200 ") == 2
    assert b'"room_id"' in told


def test_an_upgrade_byte_by_byte(room: Room, raw: socket.socket) -> None:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for each in upgrade(room):
        raw.sendall(bytes((each,)))
        time.sleep(0.001)
    assert raw.recv(65536).startswith(b"HTTP/1.1 101 ")
