"""Posting through the writer: 256 in flight, FULL, duplicate and ban check included.

    python bench/posting.py [rows present, 1000000] [messages, 100000]
"""

import sys
import threading
import time
from functools import partial
from pathlib import Path

import scene

from chatctl_server.conversation import messages
from chatctl_server.storage.store import Store

IN_FLIGHT = 256


class Load:
    """Keeps 256 posts in flight until ``count`` are acknowledged."""

    def __init__(self, store: Store, conversation: int, first: int, count: int) -> None:
        self.store = store
        self.conversation = conversation
        self.next = first
        self.end = first + count
        self.left = count
        self.finished = scene.asyncio.Event()

    def start(self) -> None:
        for _ in range(IN_FLIGHT):
            self.submit()

    def submit(self) -> None:
        if self.next < self.end:
            post = scene.post(self.conversation, self.next)
            self.next += 1
            self.store.submit(messages.POST, (post,), partial(self.done))

    def done(self, outcome: object) -> None:
        if not isinstance(outcome, messages.Posted) or outcome.duplicate:
            raise TypeError(f"not stored: {outcome}")
        self.left -= 1
        if not self.left:
            self.finished.set()
        self.submit()


def writer_cpu_seconds() -> float:
    """Of the thread named ``writer``, from the kernel's account of it."""
    for thread in threading.enumerate():
        if thread.name == "writer":
            fields = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()
            return int(fields[0]) / 1e9
    raise LookupError("there is no writer thread")


async def measure(store: Store, conversation: int, present: int, count: int, disk: float) -> None:
    warm = Load(store, conversation, present, 5000)
    warm.start()
    await warm.finished.wait()
    load = Load(store, conversation, present + 5000, count)
    writer, process, wall = writer_cpu_seconds(), time.process_time(), time.perf_counter()
    load.start()
    await load.finished.wait()
    writer = (writer_cpu_seconds() - writer) / count * 1e6
    process = (time.process_time() - process) / count * 1e6
    rate = count / (time.perf_counter() - wall)
    scene.line("writer thread, µs CPU per message", f"{writer:.1f}", "target 35")
    scene.line("process, µs CPU per message", f"{process:.1f}", "target 60")
    scene.line("messages per second", f"{rate:.0f}")
    scene.line("the disk's own fdatasync per second", f"{disk:.0f}")
    scene.line("messages per fdatasync of the disk", f"{rate / disk:.1f}")


def main() -> None:
    present = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with scene.directory() as name:
        path = Path(name) / "chat.db"
        conversation = scene.fill(path, present)
        disk = scene.fdatasyncs_per_second(Path(name))
        scene.run(
            partial(
                scene.with_store,
                path,
                lambda store: measure(store, conversation, present, count, disk),
            )
        )


if __name__ == "__main__":
    main()
