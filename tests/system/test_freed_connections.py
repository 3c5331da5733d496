"""What a connection took is free when it ends: the server looks rarely for what refers to each
other (docs/decisions/0021), and whoever was there for minutes would be kept for hours."""

import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from world import Room, Server, eventually, running

pytestmark = pytest.mark.own_protocol
COUNT = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, program="uncollected") as server:
        yield server


def kept(server: Server) -> int:
    """Objects of connections, once the last request's own has ended."""
    assert server.process is not None
    server.http.close()
    told = server.directory / "kept"
    told.unlink(missing_ok=True)
    server.process.send_signal(signal.SIGUSR1)
    eventually(told.exists)
    return int(told.read_text())


def come(room: Room, number: int) -> socket.socket:
    line = wire.dial(room.server)
    line.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=user-{number}"))
    told = b""
    while b"WelcomeInfo" not in told:
        told += line.recv(4096)
    line.sendall(b"\x81\x80mask")
    return line


def test_who_leaves_is_forgotten(server: Server) -> None:
    room = server.create_room()
    close, reset = b"\x88\x80mask", struct.pack("ii", 1, 0)
    lines = [come(room, number) for number in range(COUNT)]
    for number, line in enumerate(lines):
        if number % 2:
            line.sendall(close)
            wire.read_to_end(line)
        else:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        line.close()
    eventually(lambda: kept(server) == 0)


def test_whom_the_server_closes_is_forgotten(server: Server) -> None:
    room = server.create_room()
    lines = [come(room, number) for number in range(COUNT)]
    server.http.delete(room.path)
    for line in lines:
        wire.read_to_end(line)
        line.close()
    eventually(lambda: kept(server) == 0)
