"""Posting through the writer: 256 in flight, FULL, duplicate and ban check included.

python bench/posting.py [--rows 1000000] [--messages 50000] [--repeat 3] [--keep FOLDER]
"""

import asyncio
import itertools
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import ladder
import report
import scene

from chatctl_server.actions import messages
from chatctl_server.storage.store import Store

IN_FLIGHT = 256
WARM_UP = 5000
Numbers = Iterator[int]


class Cost(NamedTuple):
    """Per message, in microseconds of CPU; and how many a second."""

    writer: float
    process: float
    rate: float


class Load:
    """Keeps 256 posts in flight until ``count`` are acknowledged."""

    def __init__(self, store: Store, numbers: Numbers, count: int) -> None:
        self.store = store
        self.numbers = numbers
        self.unsent = self.left = count
        self.finished = asyncio.Event()

    async def run(self) -> None:
        for _ in range(IN_FLIGHT):
            self.submit()
        await self.finished.wait()

    def submit(self) -> None:
        if self.unsent:
            self.unsent -= 1
            post = scene.post(scene.ROOM, next(self.numbers))
            self.store.submit(messages.POST, (post,), self.done)

    def done(self, outcome: object) -> None:
        _check(outcome)
        self.left -= 1
        if not self.left:
            self.finished.set()
        self.submit()


async def with_futures(store: Store, numbers: Numbers, count: int) -> None:
    """The same load from 256 tasks, each awaiting a future per message, as an HTTP route does."""

    async def sender() -> None:
        for _ in range(count // IN_FLIGHT):
            post = scene.post(scene.ROOM, next(numbers))
            outcome: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            store.submit(messages.POST, (post,), outcome.set_result)
            _check(await outcome)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(sender())


async def with_callbacks(store: Store, numbers: Numbers, count: int) -> None:
    await Load(store, numbers, count).run()


def _check(outcome: object) -> None:
    if not isinstance(outcome, messages.Posted) or outcome.duplicate:
        raise TypeError(f"not stored: {outcome}")


def writer_cpu_seconds() -> float:
    """Of the thread named ``writer``, from the kernel's account of it."""
    for thread in threading.enumerate():
        if thread.name == "writer":
            fields = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()
            return int(fields[0]) / 1e9
    raise LookupError("there is no writer thread")


async def cost(
    load: Callable[[Store, Numbers, int], Awaitable[None]],
    store: Store,
    numbers: Numbers,
    count: int,
) -> Cost:
    count = count // IN_FLIGHT * IN_FLIGHT
    writer, process, wall = writer_cpu_seconds(), time.process_time(), time.perf_counter()
    await load(store, numbers, count)
    return Cost(
        (writer_cpu_seconds() - writer) / count * 1e6,
        (time.process_time() - process) / count * 1e6,
        count / (time.perf_counter() - wall),
    )


def making_a_post(count: int) -> float:
    """What the load itself spends on a message: it is in the process's figure, too."""
    started = time.process_time()
    for number in range(count):
        scene.post(scene.ROOM, number)
    return (time.process_time() - started) / count * 1e6


async def measure(
    store: Store, numbers: Numbers, count: int, repeat: int
) -> tuple[list[Cost], list[Cost]]:
    await with_callbacks(store, numbers, WARM_UP)
    called = [await cost(with_callbacks, store, numbers, count) for _ in range(repeat)]
    awaited = [await cost(with_futures, store, numbers, count) for _ in range(repeat)]
    return called, awaited


def whole(path: Path, count: int, repeat: int) -> None:
    disk = [scene.fdatasyncs_per_second(path.parent)]
    numbers = itertools.count(2 * 10**9)
    results: list[tuple[list[Cost], list[Cost]]] = []

    async def work(store: Store) -> None:
        results.append(await measure(store, numbers, count, repeat))

    scene.run(scene.with_store(path, work))
    disk.append(scene.fdatasyncs_per_second(path.parent))
    ((called, awaited),) = results
    report.median("writer thread", [each.writer for each in called], "µs CPU/message", at_most=35)
    report.median("process", [each.process for each in called], "µs CPU/message", at_most=60)
    report.median(
        "process, a task and a future each", [e.process for e in awaited], "µs CPU/message"
    )
    report.line("of it: making the post, the bench's own", making_a_post(count), "µs CPU/message")
    rate = report.median("messages", [each.rate for each in called], "/s")
    syncs = report.median("the disk's own fdatasync, before and after", disk, "/s")
    report.line("messages per fdatasync of the disk", rate / syncs, "")


def parts(path: Path, count: int, repeat: int) -> None:
    climbs = [ladder.climb(path, count) for _ in range(repeat)]
    below = 0.0
    for steps in zip(*climbs, strict=True):
        middle = statistics.median(step.microseconds for step in steps)
        report.line(f"part: {steps[0].name}", middle - below, "µs CPU/message")
        below = middle
    report.line("parts together, without queue and event loop", below, "µs CPU/message")


def main() -> None:
    parser = scene.arguments(__doc__)
    parser.add_argument("--messages", type=int, default=50_000, help="posted in each run")
    given = parser.parse_args()
    report.machine()
    with scene.directory() as folder:
        path = scene.filled(folder, given.rows, given.keep)
        report.line("messages present", given.rows, "")
        whole(path, given.messages, given.repeat)
        parts(path, given.messages, given.repeat)
    report.end()


if __name__ == "__main__":
    main()
