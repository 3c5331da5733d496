"""What the benches share: a room of a million messages, the machine's own fdatasync rate, a report."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chatctl_server.conversation import messages, rooms
from chatctl_server.domain import facts, times
from chatctl_server.storage import maintenance, sql
from chatctl_server.storage.store import Store
from chatctl_server.storage.writing import Call, Writing

ACTOR = facts.Actor("bench", "bench")
TEXT = "the quick brown fox jumps over the lazy dog and keeps running on, all right? " * 2
FILL_BATCH = 5000


def directory() -> tempfile.TemporaryDirectory[str]:
    """On the disk that the working directory is on, not in memory."""
    return tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd())


def post(conversation: int, number: int, *, with_id: bool = True) -> messages.Post:
    return messages.Post(
        conversation=conversation,
        actor=ACTOR,
        sender=f"user-{number % 200}",
        nickname=f"User {number % 200}",
        content=TEXT[:100],
        client_msg_id=f"client-{number:012d}" if with_id else None,
    )


def fill(path: Path, count: int) -> int:
    """A new database with one room of ``count`` messages; the room's conversation id."""
    maintenance.prepare(path, durable=False)
    writing = Writing(lambda: sql.writing(path, durable=False), times.now)
    created: list[Any] = []
    writing.run([Call(rooms.create, (ACTOR, "bench", ()), created.append, 0)])
    for start in range(0, count, FILL_BATCH):
        batch = [
            Call(messages.POST, (post(1, number),), created.append, 0)
            for number in range(start, min(start + FILL_BATCH, count))
        ]
        for _, outcome, _ in writing.run(batch):
            if isinstance(outcome, BaseException):
                raise outcome
    writing.close()
    return 1


def fdatasyncs_per_second(folder: Path, seconds: float = 1.0) -> float:
    """Of a 4 KiB append each, on the same disk."""
    path = folder / "fdatasync.probe"
    with path.open("wb", buffering=0) as file:
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            file.write(b"\0" * 4096)
            os.fdatasync(file.fileno())
            done += 1
        elapsed = time.perf_counter() - started
    path.unlink()
    return done / elapsed


async def with_store(path: Path, work: Callable[[Store], Awaitable[None]]) -> None:
    store = Store(path, durable=True, clock=times.now)
    await store.open()
    try:
        await work(store)
    finally:
        await store.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())  # type: ignore[arg-type]


def line(name: str, value: str, target: str = "") -> None:
    print(f"{name:<58} {value:>14}  {target}", flush=True)
