"""1,000 clients that do not take what they are sent, beside 100 that do: what the 100 notice of
them, when they are gone, and what memory they leave behind.

python bench/stuck.py [--stuck 1000] [--seconds 30]
"""

import argparse
import asyncio
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import report
import scene
import served

READERS = 100
PIECES = 10  # read slowly, and keep up
POSTS_A_SECOND = 20
CONTENT_BYTES = 5_000
KINDS = ("never read", "stopped", "cut off", "1 KB/s")
UPGRADE = (
    "GET /ws/rooms/{}?user_id={} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PONG = b"\x8a\x80\0\0\0\0"
SENT_AT = re.compile(rb'"content":"(\d+) ')


async def join(server: served.Server, room_id: str, user_id: str) -> socket.socket:
    loop = asyncio.get_running_loop()
    line = socket.socket()
    line.setblocking(False)
    await loop.sock_connect(line, ("127.0.0.1", server.port))
    await loop.sock_sendall(line, UPGRADE.format(room_id, user_id).encode())
    assert (await loop.sock_recv(line, 4096)).startswith(b"HTTP/1.1 101")
    return line


class Reader(asyncio.Protocol):
    def __init__(self, took: list[float]) -> None:
        self._took = took

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._took += [(now - int(each)) / 1e6 for each in SENT_AT.findall(data)]
        if b"\x89\0" in data:
            self._transport.write(PONG)  # type: ignore[attr-defined]


async def read_slowly(line: socket.socket, size: int, seconds: float) -> None:
    """``size`` bytes each ``seconds``, and a sign of life."""
    loop = asyncio.get_running_loop()
    try:
        while await loop.sock_recv(line, size):
            await loop.sock_sendall(line, PONG)
            await asyncio.sleep(seconds)
    except OSError:
        pass


def cut_off(line: socket.socket) -> None:
    """Nothing reaches the client's system any more: a filter (socket(7)) takes no packet."""
    kept = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(kept))
    line.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER


async def post(server: served.Server, room_id: str) -> None:
    loop = asyncio.get_running_loop()
    line = await join(server, room_id, "sender")
    reading = loop.create_task(read_slowly(line, 1 << 20, 0.01))
    due = loop.time()
    try:
        while True:
            text = f"{time.monotonic_ns()} ".ljust(CONTENT_BYTES, "x")
            frame = b'{"type":"SendMessage","payload":{"content":"%s"}}' % text.encode()
            head = struct.pack("!BBH", 0x81, 0x80 | 126, len(frame)) + bytes(4)
            await loop.sock_sendall(line, head + frame)
            due += 1 / POSTS_A_SECOND
            await asyncio.sleep(due - loop.time())
    finally:
        reading.cancel()


def hold(port: int, room_id: str, count: int) -> None:
    """What the process does that is stopped: it has connected, and says so."""

    async def work() -> None:
        server = served.Server(Path("unused"))
        server.port = port
        kept = [await join(server, room_id, f"stopped-{number}") for number in range(count)]
        print(len(kept), flush=True)
        await asyncio.sleep(3600)

    asyncio.run(work())


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


class Room:
    def __init__(self, server: served.Server) -> None:
        self.server = server
        self.id = server.create_room()
        self.api = server.client()

    async def users(self) -> set[str]:
        path = f"/management/rooms/{self.id}/members"
        answer = await asyncio.to_thread(self.api.get, path)
        return {each["user_id"] for each in answer.json()}


async def gone_after(room: Room, seconds: float, began: float) -> dict[str, float]:
    """By kind: when the last of them was seen, in seconds; who stays is infinite."""
    found: dict[str, float] = {}
    while time.monotonic() - began < seconds:
        users = await room.users()
        now = time.monotonic() - began
        for kind in KINDS:
            if any(each.startswith(f"{kind}-") for each in users):
                found[kind] = now
        await asyncio.sleep(0.5)
    return found


async def measure(server: served.Server, stuck: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    room = Room(server)
    took: list[float] = []
    for number in range(READERS):
        line = await join(server, room.id, f"reader-{number}")
        await loop.create_connection(lambda: Reader(took), sock=line)
    slow: list[asyncio.Task[None]] = []
    for number in range(PIECES):
        line = await join(server, room.id, f"slow-{number}")
        slow.append(loop.create_task(read_slowly(line, 10_000, 0.05)))
    fresh = resident(server.pid)
    await come_and_go(room, stuck)
    posting = loop.create_task(post(server, room.id))
    await asyncio.sleep(5)
    took.clear()
    await asyncio.sleep(seconds / 2)
    base = report.percentile(took, 99)
    before = resident(server.pid)
    report.line(f"{READERS} readers alone, a message to all", base, "ms p99")
    process, kept, trickles = await bring(room, stuck)
    began = time.monotonic()
    took.clear()
    last = await gone_after(room, seconds, began)
    p99 = report.percentile(took, 99)
    report.line(f"beside {stuck} that do not take it", p99, "ms p99", at_most=base + 50)
    for kind in KINDS:
        report.line(f"    {kind}: the last was seen", last.get(kind, 0.0), "s", at_most=15)
    report.line("slow ones that keep up, and stayed", sum(not each.done() for each in slow), "")
    after = resident(server.pid)
    report.line("memory at first", fresh, "MB")
    report.line(f"memory when {stuck} others had come and gone", before, "MB")
    report.line("memory when they were gone", after, "MB", at_most=before * 1.1)
    os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.wait()
    posting.cancel()
    for task in (*slow, *trickles):
        task.cancel()
    for line in kept:
        line.close()
    figures = (await asyncio.to_thread(room.api.get, "/metrics")).text
    for row in figures.splitlines():
        if row.startswith(("chatctl_evictions_total", "chatctl_loop_lag")):
            print(f"    {row}")
    await idle(room, stuck // 4)


async def come_and_go(room: Room, count: int) -> None:
    """Python keeps what so many need at once, whatever they do then."""
    lines = [await join(room.server, room.id, f"guest-{number}") for number in range(count)]
    for line in lines:
        line.close()
    while any(each.startswith("guest") for each in await room.users()):
        await asyncio.sleep(0.5)


async def bring(
    room: Room, stuck: int
) -> tuple[subprocess.Popen[bytes], list[socket.socket], list[asyncio.Task[None]]]:
    """As many of each kind."""
    loop = asyncio.get_running_loop()
    count = stuck // len(KINDS)
    command = [sys.executable, __file__, "--hold", str(room.server.port), room.id, str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    os.kill(process.pid, signal.SIGSTOP)
    kept: list[socket.socket] = []
    trickles: list[asyncio.Task[None]] = []
    for number in range(count):
        kept.append(await join(room.server, room.id, f"never read-{number}".replace(" ", "%20")))
        line = await join(room.server, room.id, f"cut off-{number}".replace(" ", "%20"))
        cut_off(line)
        kept.append(line)
        line = await join(room.server, room.id, f"1 KB/s-{number}".replace(" ", "%20"))
        trickles.append(loop.create_task(read_slowly(line, 1000, 1)))
        kept.append(line)
    return process, kept, trickles


async def idle(room: Room, count: int) -> None:
    quiet = Room(room.server)
    kept = []
    for number in range(count):
        kept.append(await join(room.server, quiet.id, f"cut off-{number}".replace(" ", "%20")))
    await asyncio.sleep(3)  # until nothing is on its way to them
    for line in kept:
        cut_off(line)
    last = await gone_after(quiet, 45, time.monotonic())
    report.line(
        f"{count} idle ones that were cut off: the last was seen", last["cut off"], "s", at_most=40
    )
    for line in kept:
        line.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stuck", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--hold", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hold is not None:
        hold(int(given.hold[0]), given.hold[1], int(given.hold[2]))
        return
    report.machine()
    with scene.directory() as folder, served.server(folder / "chat.db", served.SERVER_CORE) as one:
        os.sched_setaffinity(0, {served.LOAD_CORE})
        scene.run(measure(one, given.stuck, given.seconds))
    report.end()


if __name__ == "__main__":
    main()
