"""Clients that answer nothing, or take nothing, of a server with little patience."""

import asyncio
import contextlib
import ctypes
import select
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
def test_who_answers_no_ping_is_found_out(room: Room) -> None:
    """One is told why; the other is at the end of a cut line, and cannot be."""
    before = evicted(room, "silent")
    with joined(room, "anna") as silent, joined(room, "bert") as unreachable:
        cut(unreachable)
        told = wire.read_to_end(silent)
        eventually(lambda: users(room) == 0)
    eventually(lambda: evicted(room, "silent") == before + 2)
    assert told.count(PING) == 1
    assert told.endswith(struct.pack("!BBH", 0x88, 2, 1011))


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


@contextlib.contextmanager
def streamed(room: Room, user_id: str) -> Iterator[socket.socket]:
    with wire.dial(room.server, receive_buffer=4096) as line:
        path = f"/events/rooms/{room.id}?user_id={user_id}"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: chat\r\n\r\n".encode())
        while b"WelcomeInfo" not in line.recv(4096):
            pass
        yield line


def test_who_answers_or_takes_a_little_stays(server: Server) -> None:
    """What a slow line has not taken lies in the server's system, and gets less; the ping is behind
    it. All at once, so that the seconds pass but once."""
    busy, quiet = server.create_room("busy"), server.create_room("quiet")
    boss = busy.join("boss")
    with contextlib.ExitStack() as stack:
        talking = stack.enter_context(joined(quiet, "talks"))
        lines = [stack.enter_context(streamed(busy, "streams"))]
        if not server.is_plain:  # whose pings are uvicorn's
            lines.append(stack.enter_context(joined(quiet, "answers")))
            lines.append(stack.enter_context(joined(busy, "slow", receive_buffer=4096)))
        for _ in range(8):
            boss.say("x" * TEXT)
        answered = 0
        for _ in range(30):
            time.sleep(0.1)
            talking.sendall(TEXT_FRAME)
            for line in select.select(lines, [], [], 0)[0]:
                told = line.recv(1024)
                assert told, "closed"
                if PING in told:
                    line.sendall(PONG)
                    answered += 1
        assert users(busy) + users(quiet) == 2 + len(lines)
        if not server.is_plain:
            assert answered >= 2
            while PING not in lines[-1].recv(65536):
                pass
    boss.close()


@pytest.mark.usefixtures("transport")
async def test_who_asked_for_much_and_vanishes_has_left_the_room(tmp_path: Path) -> None:
    """Though they were asked to wait with what they say, and were sent more than they took."""
    with running(tmp_path) as server:
        room = server.create_room()
        boss = room.join("boss")
        for _ in range(50):
            boss.say("x" * 20_000)
        deaf = [Visitor(room, f"deaf-{number}", last_seq=50) for number in range(3)]
        for each in deaf:
            assert await each.come(receive_buffer=4096)
            each.stop_reading()
            for _ in range(100):
                each.ask_history()
        await asyncio.to_thread(boss.frames_until_pong)
        for each in deaf:
            await each.vanish()
        eventually(lambda: room.details()["current_users"] == 1)
