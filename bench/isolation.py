"""Whom callbacks keep waiting: other rooms and endpoints when some hang, and the chat while a
backlog drains; and how much memory a backlog takes.

python bench/isolation.py [--backlog 100000] [--pairs 5]
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import callbacks
import httptools
import httpx
import msgspec
import report
import scene
import served

from chatctl_server.actions import conversations
from chatctl_server.domain import times
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store

ROOMS = 100
ROUNDS = 5
HANGING_ROOMS = 3
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
OFF = {"SYNC_INTERVAL_SECONDS": "0", "CALLBACK_TIMEOUT_SECONDS": "5", "CALLBACK_MAX_RETRIES": "50"}
SECONDS_OF_CHAT = 12.0
POSTS_A_SECOND = 100


class Receiver:
    """Answers at once, but for what ``hangs`` says of path and body; notes when what came."""

    def __init__(self, hangs: Callable[[str, dict[str, Any]], bool]) -> None:
        self.hangs = hangs
        self.came: dict[tuple[str, str], float] = {}

    async def listen(self) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])


class Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)
        self._path = ""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path, self._body = url.decode(), b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body = msgspec.json.decode(self._body)
        if not self._receiver.hangs(self._path, body):
            self._receiver.came.setdefault((body["event_type"], body["room_id"]), time.monotonic())
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def latencies(folder: Path, *, rooms_hang: bool, endpoint_hangs: bool) -> list[float]:
    """Seconds from the answer of the API to the arrival, of 100 rooms that are made and closed."""
    hanging: set[str] = set()

    def hangs(path: str, body: dict[str, Any]) -> bool:
        return path == "/data" or body["room_id"] in hanging

    receiver = Receiver(hangs)
    origin = f"http://127.0.0.1:{await receiver.listen()}"
    server = served.Server(folder / "chat.db", served.SERVER_CORE)
    server.set(ROOM_EVENT_CALLBACK_URL=origin + "/events", **OFF)
    if endpoint_hangs:
        server.set(PERIODIC_SYNC_CALLBACK_URL=origin + "/data", DATA_CALLBACK_URL=origin + "/data")
    try:
        await asyncio.to_thread(server.start)
        async with httpx.AsyncClient(
            base_url=server.url, headers={"X-Api-Key": served.KEY}, timeout=30
        ) as api:
            for _ in range(HANGING_ROOMS if rooms_hang else 0):
                hanging.add(await create(api))
            for room_id in hanging:
                await api.delete(f"/management/rooms/{room_id}")
            return await measured(api, receiver)
    finally:
        server.kill()


async def create(api: httpx.AsyncClient) -> str:
    answer = await api.post("/management/rooms", json={"room_name": "room"})
    return str(answer.json()["room_id"])


async def measured(api: httpx.AsyncClient, receiver: Receiver) -> list[float]:
    found: list[float] = []
    for _ in range(ROUNDS):
        since: dict[tuple[str, str], float] = {}
        for _ in range(ROOMS):
            room_id = await create(api)
            since["RoomCreated", room_id] = time.monotonic()
        for _, room_id in list(since):
            await api.delete(f"/management/rooms/{room_id}")
            since["RoomClosed", room_id] = time.monotonic()
        async with asyncio.timeout(60):
            while not since.keys() <= receiver.came.keys():
                await asyncio.sleep(0.01)
        found += [max(0.0, receiver.came[each] - at) for each, at in since.items()]
    return found


def told(name: str, found: list[float], base: float | None = None) -> float:
    p95 = report.percentile(found, 95) * 1000
    report.line(name, p95, "ms p95")
    if base is not None:
        report.line("    more than without", p95 - base, "ms", at_most=100)
    return p95


async def chat(server: served.Server, room_id: str) -> tuple[float, int]:
    """p99 of a post's answer, in milliseconds, at a steady rate; and the server's memory, in MB."""
    took: list[float] = []
    most = 0
    async with httpx.AsyncClient(
        base_url=server.url, headers={"X-Api-Key": served.KEY}, timeout=30
    ) as api:
        due = time.monotonic()
        end = due + SECONDS_OF_CHAT
        while due < end:
            due += 1 / POSTS_A_SECOND
            began = time.monotonic()
            path = f"/management/rooms/{room_id}/messages"
            await api.post(path, json={"content": "hello"})
            took.append(time.monotonic() - began)
            most = max(most, resident(server.pid))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    return report.percentile(took, 99) * 1000, most


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


async def fill(path: Path, backlog: int) -> str:
    """100 rooms with so many joins and leaves in the log, and one to chat in; its id."""
    await callbacks.fill(path, backlog)
    maintenance.prepare(path, durable=False)
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    made = await store.write(conversations.create_room, scene.ACTOR, "chat", [])
    await store.close()
    return made.public_id


def chat_beside(folder: Path, room_id: str, *, drains: bool, backlog: int) -> tuple[float, int]:
    shutil.copy(folder / "filled.db", folder / "chat.db")
    for rest in folder.glob("chat.db-*"):
        rest.unlink()
    server = served.Server(folder / "chat.db", served.SERVER_CORE)
    server.set(SYNC_INTERVAL_SECONDS="0")
    command = [sys.executable, str(callbacks.HERE / "sink.py"), str(10 * backlog)]
    sink = served.on_core(served.LOAD_CORE, command, stdout=subprocess.PIPE)
    assert sink.stdout is not None
    port = int(sink.stdout.readline())
    if drains:
        server.set(ROOM_EVENT_CALLBACK_URL=f"http://127.0.0.1:{port}/")
    try:
        server.start()
        return asyncio.run(chat(server, room_id))
    finally:
        server.kill()
        sink.kill()
        sink.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    report.machine()
    plain = {"rooms_hang": False, "endpoint_hangs": False}
    with scene.directory() as folder:
        base = told("100 rooms, nothing hangs", asyncio.run(latencies(folder, **plain)))
    with scene.directory() as folder:
        found = asyncio.run(latencies(folder, **plain | {"rooms_hang": True}))
        told("100 rooms beside 3 that always hang", found, base)
    with scene.directory() as folder:
        found = asyncio.run(latencies(folder, **plain | {"endpoint_hangs": True}))
        told("100 rooms beside two endpoints that always hang", found, base)
    with scene.directory() as folder:
        room_id = asyncio.run(fill(folder / "filled.db", given.backlog))
        runs = [
            [
                chat_beside(folder, room_id, drains=drains, backlog=given.backlog)
                for drains in (False, True)
            ]
            for _ in range(given.pairs)
        ]
        room_id = asyncio.run(fill(folder / "filled.db", 2 * given.backlog))
        _, most = chat_beside(folder, room_id, drains=True, backlog=3 * given.backlog)
    report.median("chat, p99 of a post", [idle[0] for idle, _ in runs], "ms")
    report.median("the same while the backlog drains", [busy[0] for _, busy in runs], "ms")
    moved = [busy[0] - idle[0] for idle, busy in runs]
    report.median("    more than without, by pairs", moved, "ms", at_most=20)
    report.median("resident memory, nothing pending", [idle[1] for idle, _ in runs], "MB")
    report.median("the same with the backlog", [busy[1] for _, busy in runs], "MB")
    report.line("the same with three times the backlog", most, "MB")
    report.end()


if __name__ == "__main__":
    main()
