"""A stop with clients in the middle of something, and a server without room for more."""

import contextlib
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import wire
from offline import Offline
from websockets.exceptions import InvalidStatus
from world import KEY, Server, eventually, running


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_a_stop_does_not_wait_for_a_request_that_is_not_here_yet(tmp_path: Path) -> None:
    """Nor for half a head of one."""
    with (
        running(tmp_path, SHUTDOWN_TIMEOUT_SECONDS="60") as server,
        connected(server) as client,
        connected(server) as upgrading,
        connected(server) as with_a_cookie,
    ):
        room = server.create_room()
        anna = room.join("anna")
        path = f"/ws/rooms/{room.id}?user_id=bert"
        upgrading.sendall(wire.upgrade(path)[:-2])
        with_a_cookie.sendall(wire.upgrade(path, "Cookie: " + 9000 * "x")[:-2])
        client.sendall(
            b"POST /management/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Expect: 100-continue\r\nX-Api-Key: " + KEY.encode() + b"\r\n\r\n"
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")  # the route waits for the body
        client.sendall(b'{"room_name": "')
        assert server.stop() == 0
        assert anna.close_code() == 1012
        log = server.log.read_text()
        assert "stopped" in log
        assert "error" not in log.lower()


HEADERS = ("Host: x", f"X-Api-Key: {KEY}")


def asked(room_id: str) -> list[bytes]:
    """A WebSocket, a stream of a room, a stream of the log, a long page."""
    streams = (
        f"/events/rooms/{room_id}?user_id=bert&since=0",
        "/management/events/stream?after=0",
        f"/management/sync/chat-history/{room_id}?limit=10000",
    )
    heads = ["\r\n".join((f"GET {path} HTTP/1.1", *HEADERS, "", "")) for path in streams]
    socket_ = wire.upgrade(f"/ws/rooms/{room_id}?user_id=anna&since=0")
    return [socket_, *(head.encode() for head in heads)]


@pytest.fixture(scope="module")
def long_room(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """A file with 9 MB of messages in its one room."""
    desk = Offline(tmp_path_factory.mktemp("long") / "chat.db")
    lobby = desk.create_room("lobby")
    for number in range(300):
        desk.post(lobby, "anna", f"{number} " + 30_000 * "x")
    return desk


@contextlib.contextmanager
def asking(
    directory: Path, long_room: Offline, seconds: int, program: str = "chatctl"
) -> Iterator[tuple[Server, list[socket.socket]]]:
    """A server, and clients that have asked for much of it, each in its way."""
    (room,) = long_room.rooms()
    shutil.copy(long_room.path, directory / "chat.db")
    with (
        running(directory, program=program, SHUTDOWN_TIMEOUT_SECONDS=str(seconds)) as server,
        contextlib.ExitStack() as stack,
    ):
        clients = []
        for head in asked(room.public_id):
            client = stack.enter_context(wire.dial(server, receive_buffer=4096))
            client.sendall(head)
            assert client.recv(100).startswith(b"HTTP/1.1 ")
            clients.append(client)
        yield server, clients


def is_told_no_error(server: Server) -> bool:
    log = server.log.read_text()
    return not any(word in log for word in ("Cancel", '"level":"error"', "Traceback"))


@pytest.mark.own_protocol
def test_a_stop_does_not_wait_for_who_does_not_read(tmp_path: Path, long_room: Offline) -> None:
    """They are cut off, which is nobody's error, before the time that the stop has is over."""
    with asking(tmp_path, long_room, 60, "long_patience") as (server, _):
        time.sleep(0.5)  # until it is full
        assert server.stop() == 0
        assert is_told_no_error(server)


def test_who_reads_on_and_on_is_cut_off_in_time(tmp_path: Path, long_room: Offline) -> None:
    def read_slowly(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while client.recv(1000):
                time.sleep(0.02)

    with asking(tmp_path, long_room, 3) as (server, clients), ThreadPoolExecutor(4) as threads:
        reading = [threads.submit(read_slowly, client) for client in clients]
        assert server.stop() == 0
        for each in reading:
            each.result(30)
        assert is_told_no_error(server)


def test_a_second_signal_changes_nothing(tmp_path: Path, long_room: Offline) -> None:
    """A client that reads slowly still gets the whole answer."""
    (room,) = long_room.rooms()
    shutil.copy(long_room.path, tmp_path / "chat.db")
    with running(tmp_path) as server, connected(server) as client:
        client.sendall(asked(room.public_id)[-1])
        told = client.recv(100)
        assert server.process is not None
        for _ in range(3):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.1)
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
        assert "stopped" in server.log.read_text()
        assert is_told_no_error(server)
