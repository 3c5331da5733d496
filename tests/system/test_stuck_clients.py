"""Clients that answer nothing, or take nothing, of a server with little patience."""

import asyncio
import contextlib
import ctypes
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from visitors import Visitor
from world import Room, Server, eventually, running

SO_ATTACH_FILTER = 26
PING = b"\x89\0"
PONG = b"\x8a\x80mask"
TEXT_FRAME = b"\x81\x80mask"  # empty
TEXT = 30_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory, settings = tmp_path_factory.mktemp("stuck"), {"HANDSHAKE_TIMEOUT_SECONDS": "1"}
    with running(directory, program="short_patience", **settings) as server:
        yield server


@pytest.fixture
def room(server: Server) -> Room:
    return server.create_room("lobby", admins=("boss",))


@contextlib.contextmanager
def joined(room: Room, user_id: str, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    """A raw connection, which answers no ping by itself."""
    with wire.dial(room.server, receive_buffer=receive_buffer) as line:
        line.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id={user_id}"))
        seen = b""
        while b"WelcomeInfo" not in seen:
            seen += line.recv(4096)
        yield line


def cut(line: socket.socket) -> None:
    """From now on nothing reaches the client's system, which then acknowledges nothing: a filter
    (socket(7)) takes no packet."""
    instruction = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET, of no byte
    kept = ctypes.create_string_buffer(instruction)
    line.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(kept))
    )


def evicted(room: Room, reason: str) -> float:
    return room.server.figure(f'chatctl_evictions_total{{reason="{reason}"}}')


def users(room: Room) -> int:
    return int(room.details()["current_users"])


@pytest.mark.own_protocol
def test_one_at_the_other_end_of_a_cut_line_is_found_out(room: Room) -> None:
    with joined(room, "anna") as line:
        cut(line)
        eventually(lambda: users(room) == 0)


@pytest.mark.own_protocol
def test_one_that_does_not_answer_a_ping_is_closed(room: Room) -> None:
    before = evicted(room, "silent")
    with joined(room, "anna") as line:
        told = wire.read_to_end(line)
    assert evicted(room, "silent") == before + 1
    assert told.count(PING) == 1
    assert told.endswith(struct.pack("!BBH", 0x88, 2, 1011))
    eventually(lambda: users(room) == 0)


@pytest.mark.own_protocol
def test_one_that_answers_stays(room: Room) -> None:
    with joined(room, "anna") as line:
        for _ in range(3):
            told = b""
            while PING not in told:
                part = line.recv(4096)
                assert part, "closed"
                told += part
            line.sendall(PONG)


def test_whatever_it_sends_is_an_answer(room: Room) -> None:
    with joined(room, "anna") as line:
        for _ in range(30):
            time.sleep(0.1)
            line.sendall(TEXT_FRAME)
        assert users(room) == 1


def test_one_that_takes_nothing_is_dropped_while_it_is_sent_to(room: Room) -> None:
    """Also when it sends."""
    before = evicted(room, "stalled")
    boss = room.join("boss")
    with joined(room, "anna", receive_buffer=4096) as line:
        for _ in range(10):
            boss.say("x" * TEXT)

        def is_alone() -> bool:
            boss.say("still here")
            with contextlib.suppress(OSError):
                line.sendall(TEXT_FRAME)
            return users(room) == 1

        eventually(is_alone)
    assert evicted(room, "stalled") == before + 1
    boss.close()


@pytest.mark.own_protocol
def test_one_on_a_slow_line_stays(room: Room) -> None:
    """What it has not taken lies in the server's system, and gets less; the ping is behind it."""
    boss = room.join("boss")
    with joined(room, "anna", receive_buffer=4096) as line:
        for _ in range(8):
            boss.say("x" * TEXT)
        for _ in range(50):
            time.sleep(0.1)
            assert line.recv(1024), "closed"
        assert users(room) == 2
        while PING not in line.recv(65536):
            pass
    boss.close()


def test_a_stream_on_a_slow_line_stays(room: Room) -> None:
    """By the same measure: what has left the server's system, and not only its process."""
    boss = room.join("boss")
    with wire.dial(room.server, receive_buffer=4096) as line:
        path = f"/events/rooms/{room.id}?user_id=anna"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: chat\r\n\r\n".encode())
        while b"WelcomeInfo" not in line.recv(4096):
            pass
        for _ in range(8):
            boss.say("x" * TEXT)
        for _ in range(50):
            time.sleep(0.1)
            assert line.recv(1024), "closed"
        assert users(room) == 2
    boss.close()


@pytest.mark.usefixtures("transport")
async def test_who_asked_for_much_and_vanishes_has_left_the_room(tmp_path: Path) -> None:
    """Though they were asked to wait with what they say, and were sent more than they took."""
    with running(tmp_path) as server:
        room = server.create_room()
        boss = room.join("boss")
        for _ in range(100):
            boss.say("x" * 20_000)
        deaf = [Visitor(room, f"deaf-{number}", last_seq=100) for number in range(5)]
        for each in deaf:
            assert await each.come(receive_buffer=4096)
            each.stop_reading()
            for _ in range(200):
                each.ask_history()
        await asyncio.to_thread(boss.frames_until_pong)
        for each in deaf:
            await each.vanish()
        eventually(lambda: room.details()["current_users"] == 1)
