"""Callbacks to one local receiver, 100 rooms busy: deliveries a second, and what one costs.

The joins and leaves are in the log already; planning, sending and marking are what is measured.

python bench/callbacks.py [--deliveries 20000] [--repeat 3]
"""

import argparse
import asyncio
import subprocess
import sys
import time
from pathlib import Path

import report
import scene
import served

from chatctl_server.actions import conversations, sessions
from chatctl_server.domain import times
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store

ROOMS = 100
HERE = Path(__file__).parent


async def fill(path: Path, deliveries: int) -> None:
    """Rooms that were joined and left so often."""
    maintenance.prepare(path, durable=False)
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    rooms = [
        (await store.write(conversations.create_room, scene.ACTOR, f"room {number}", [])).ref
        for number in range(ROOMS)
    ]
    for number in range(deliveries // 2 // ROOMS):
        await asyncio.gather(*(visit(store, room, f"user {number}") for room in rooms))
    await store.close()


async def visit(store: Store, room: ConversationRef, user_id: str) -> None:
    joined = await store.write(sessions.join, scene.ACTOR, room, user_id, user_id)
    await store.write(sessions.leave, scene.ACTOR, joined.room, joined.session_id, "left")


def drain(folder: Path, deliveries: int) -> tuple[float, float]:
    """Deliveries a second, and microseconds of the server's CPU for each."""
    path = folder / "chat.db"
    asyncio.run(fill(path, deliveries))
    count = deliveries + ROOMS
    sink = served.on_core(
        served.LOAD_CORE,
        [sys.executable, str(HERE / "sink.py"), str(count)],
        stdout=subprocess.PIPE,
    )
    assert sink.stdout is not None
    port = int(sink.stdout.readline())
    server = served.Server(path, served.SERVER_CORE)
    server.set(ROOM_EVENT_CALLBACK_URL=f"http://127.0.0.1:{port}/", SYNC_INTERVAL_SECONDS="0")
    try:
        started = time.monotonic()
        server.start()
        before = server.cpu_seconds()
        listening = time.monotonic()
        first, last = (float(text) for text in sink.stdout.readline().split())
        spent = server.cpu_seconds() - before
        assert first > started
        # What was sent before the server listened is in neither figure.
        share = (last - max(first, listening)) / (last - first)
        return count / (last - first), spent / (count * share) * 1e6
    finally:
        server.kill()
        sink.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3, help="runs; the median is printed")
    given = parser.parse_args()
    report.machine()
    rates, costs = [], []
    for _ in range(given.repeat):
        with scene.directory() as folder:
            rate, cost = drain(folder, given.deliveries)
        rates.append(rate)
        costs.append(cost)
    report.median("deliveries a second", rates, "per second (≥ 1000)")
    report.median("a delivery, planning and marking with it", costs, "µs CPU", at_most=700)
    report.end()


if __name__ == "__main__":
    main()
