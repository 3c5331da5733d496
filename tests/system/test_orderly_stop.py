"""A stop with clients in the middle of something, and a server without room for more."""

import socket
from pathlib import Path

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
            assert refused.recv(4096).startswith(b"HTTP/1.1 503 ")
        assert server.chatctl("rooms", "create", "lobby").returncode == 0
        for each in idle:
            each.close()
        eventually(lambda: server.http.get("/management/rooms").status_code == 200)
