"""What the benches share: a room of a million messages, and the disk's own fdatasync rate."""

import argparse
import asyncio
import contextlib
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from chatctl_server.actions import conversations, messages
from chatctl_server.domain import events, times
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import engine, maintenance
from chatctl_server.storage.store import Store
from chatctl_server.storage.writer import Call, Writer

ACTOR = events.Actor("bench", "bench")
TEXT = "the quick brown fox jumps over the lazy dog and keeps running on, all right? " * 2
FILL_BATCH = 1000
FILL_STEP = 10 * times.SECOND  # the messages of a filled room are 10 ms apart, in steps of 10 s
ROOM = RoomRef(1, ROOMS)


def arguments(about: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rows", type=int, default=1_000_000, help="messages present")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the median is printed")
    parser.add_argument("--keep", type=Path, help="folder that keeps the filled database")
    return parser


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """On the disk that the working directory is on, not in memory."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        yield Path(name)


def post(room: RoomRef, number: int, *, with_id: bool = True) -> messages.Post:
    return messages.Post(
        ref=room,
        actor=ACTOR,
        sender=f"user-{number % 200}",
        nickname=f"User {number % 200}",
        content=TEXT[:100],
        client_msg_id=f"client-{number:012d}" if with_id else None,
    )


def filled(folder: Path, rows: int, keep: Path | None = None) -> Path:
    """A database with one room of that many messages, in the folder; a kept one is copied."""
    path = folder / "chat.db"
    if keep is None:
        fill(path, rows)
        return path
    kept = keep / f"room-of-{rows}.db"
    if not kept.exists():
        keep.mkdir(parents=True, exist_ok=True)
        fill(path, rows)
        shutil.copyfile(path, kept)
    maintenance.check_schema(kept)
    shutil.copyfile(kept, path)
    return path


def fill(path: Path, count: int) -> None:
    """A new database whose room is ROOM; its newest message is of now."""
    maintenance.prepare(path, durable=False)
    steps = -(-count // FILL_BATCH)
    clock = itertools.count(times.now() - steps * FILL_STEP, FILL_STEP)
    writing = Writer(lambda: engine.writing(path, durable=False), lambda: next(clock))
    _run(writing, [Call(conversations.create_room, (ACTOR, "bench", ()), _ignore, 0)])
    for start in range(0, count, FILL_BATCH):
        numbers = range(start, min(start + FILL_BATCH, count))
        _run(
            writing,
            [Call(messages.POST, (post(ROOM, number),), _ignore, 0) for number in numbers],
        )
    writing.close()


def _run(writing: Writer, calls: list[Call]) -> None:
    for each in writing.run(calls):
        if isinstance(each.outcome, BaseException):
            raise each.outcome


def _ignore(outcome: Any) -> None:
    pass


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


def run(work: Awaitable[None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)  # type: ignore[arg-type]
