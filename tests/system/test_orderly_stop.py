"""A stop with clients in the middle of something, and a server without room for more."""

import contextlib
import json
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
import wire
from websockets.exceptions import InvalidStatus
from world import KEY, Room, Server, eventually, running


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_a_stop_does_not_wait_for_a_request_that_is_not_here_yet(tmp_path: Path) -> None:
    with (
        running(tmp_path, SHUTDOWN_TIMEOUT_SECONDS="60") as server,
        connected(server) as client,
    ):
        client.sendall(
            b"POST /management/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Expect: 100-continue\r\nX-Api-Key: " + KEY.encode() + b"\r\n\r\n"
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")  # the route waits for the body
        client.sendall(b'{"room_name": "')
        assert server.stop() == 0
        log = server.log.read_text()
        assert "stopped" in log
        assert "error" not in log.lower()
        assert "Traceback" not in log


ASKED = {
    "a WebSocket": (
        "GET /ws/rooms/{room}?user_id=anna&since=0 HTTP/1.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    ),
    "a stream of a room": "GET /events/rooms/{room}?user_id=anna&since=0 HTTP/1.1\r\n",
    "a stream of the log": "GET /management/events/stream?after=0 HTTP/1.1\r\n",
    "a long page": "GET /management/sync/chat-history/{room}?limit=10000 HTTP/1.1\r\n",
}


def long_room(server: Server) -> Room:
    """With 9 MB of messages."""
    room = server.create_room()
    anna = room.join("anna")
    for number in range(300):
        anna.say(f"{number} " + 30_000 * "x")
    anna.close()
    return room


def ask(client: socket.socket, server: Server, room: Room, asked: str) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    head = ASKED[asked].format(room=room.id)
    client.sendall(f"{head}Host: x\r\nX-Api-Key: {KEY}\r\n\r\n".encode())
    assert client.recv(100).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("asked", ASKED)
def test_a_stop_does_not_wait_for_who_does_not_read(tmp_path: Path, asked: str) -> None:
    """They are cut off, which is nobody's error, before the time that the stop has is over."""
    with (
        running(tmp_path, SHUTDOWN_TIMEOUT_SECONDS="60") as server,
        socket.socket() as client,
    ):
        ask(client, server, long_room(server), asked)
        time.sleep(0.5)  # until it is full
        assert server.stop() == 0
        log = server.log.read_text()
        assert "does not read was dropped" not in log  # it would be after 10 s, without a stop
        assert "Cancel" not in log
        assert '"level":"error"' not in log
        assert "Traceback" not in log


@pytest.mark.parametrize("asked", ASKED)
def test_who_reads_on_and_on_is_cut_off_in_time(tmp_path: Path, asked: str) -> None:
    def read_slowly(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while client.recv(1000):
                time.sleep(0.02)

    with (
        running(tmp_path, SHUTDOWN_TIMEOUT_SECONDS="5") as server,
        socket.socket() as client,
    ):
        ask(client, server, long_room(server), asked)
        reading = threading.Thread(target=read_slowly, args=(client,))
        reading.start()
        assert server.stop() == 0
        reading.join(30)
        log = server.log.read_text()
        assert '"level":"error"' not in log
        assert "Traceback" not in log


def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    """A client that reads slowly still gets the whole answer."""
    with running(tmp_path) as server, socket.socket() as client:
        room = long_room(server)
        client.connect(("127.0.0.1", server.port))
        head = ASKED["a long page"].format(room=room.id)
        client.sendall(f"{head}Host: x\r\nX-Api-Key: {KEY}\r\n\r\n".encode())
        told = client.recv(100)
        assert server.process is not None
        for _ in range(3):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        told += wire.read_to_end(client)
        head, _, body = told.decode().partition("\r\n\r\n")
        assert f"content-length: {len(body.encode())}\r\n" in head
        assert server.process.wait(30) == 0


def test_a_full_server_turns_away_and_keeps_its_admin_socket(tmp_path: Path) -> None:
    with running(tmp_path, MAX_CONNECTIONS="1") as server:
        idle = [connected(server) for _ in range(101)]
        with connected(server) as refused:
            refused.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            head, _, body = wire.read_to_end(refused).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert json.loads(body)["code"] == "connection_limit"
        with pytest.raises(InvalidStatus) as told:
            server.join("7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11", "anna")
        assert told.value.response.status_code == 503
        assert server.chatctl("rooms", "create", "lobby").returncode == 0
        for each in idle:
            each.close()
        eventually(lambda: server.http.get("/management/rooms").status_code == 200)


def test_a_long_question_is_interrupted_at_the_stop(tmp_path: Path) -> None:
    settings = {"SHUTDOWN_TIMEOUT_SECONDS": "6"}
    with running(tmp_path, program="slow_queries", **settings) as server:
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(server.http.get("/management/events"))
        )
        asking.start()
        eventually((tmp_path / "asked").exists)
        assert server.stop() == 0
        asking.join(30)
        assert [(each.status_code, each.json()["detail"]) for each in answers] == [
            (503, "The server stops")
        ]
        log = server.log.read_text()
        assert "stopped" in log
        assert '"level":"error"' not in log
        assert "Traceback" not in log
