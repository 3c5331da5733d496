"""A stop with clients in the middle of something, and a server without room for more."""

import json
import socket
import threading
from pathlib import Path

import httpx
import pytest
import wire
from websockets.exceptions import InvalidStatus
from world import KEY, Server, eventually, running


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_a_stop_does_not_wait_for_a_request_that_is_not_here_yet(tmp_path: Path) -> None:
    with running(tmp_path) as server, connected(server) as client:
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
    server = Server(tmp_path, SHUTDOWN_TIMEOUT_SECONDS="6")
    server.program = "slow_queries"
    server.environment["PYTHONPATH"] = str(Path(__file__).parent)
    try:
        server.start()
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
    finally:
        server.close()
