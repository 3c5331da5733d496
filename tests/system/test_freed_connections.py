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
COUNT = 30


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


def test_who_has_gone_is_forgotten(server: Server) -> None:
    """Of their own accord, in order and with a reset, and with the room."""
    room = server.create_room()
    close, reset = b"\x88\x80mask", struct.pack("ii", 1, 0)
    lines = [come(room, number) for number in range(COUNT)]
    for closing in lines[::3]:
        closing.sendall(close)
        wire.read_to_end(closing)
        closing.close()
    for resetting in lines[1::3]:
        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        resetting.close()
    server.http.delete(room.path)
    for staying in lines[2::3]:
        wire.read_to_end(staying)
        staying.close()
    eventually(lambda: kept(server) == 0)
