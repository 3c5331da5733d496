"""A page of 1,000 messages from a room of a million: the storage query and the HTTP request.

python bench/history.py [--rows 1000000] [--samples 100] [--repeat 3] [--keep FOLDER]
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import report
import scene
import served

from chatctl_server.domain import times
from chatctl_server.storage import engine, history_pages, messages, rooms
from chatctl_server.storage.store import Store

LIMIT = 1000
PAGES = (1, 500, 1000)
TARGET_MILLISECONDS = 10.0
OPEN = history_pages.Window(None, None)
Runs = list[list[float]]  # seconds, of each run


def measure(
    ask: Callable[[], object],
    samples: int,
    repeat: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Runs:
    ask()
    return [[_seconds(ask, clock) for _ in range(samples)] for _ in range(repeat)]


def _seconds(ask: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    ask()
    return clock() - started


def show(name: str, runs: Runs, *, at_most: float | None = None) -> None:
    """The medians over the runs of their p50 and p95."""
    for percent in (50, 95):
        values = [report.percentile(run, percent) * 1000 for run in runs]
        target = at_most if percent == 95 else None
        report.line(f"{name}, p{percent}", statistics.median(values), "ms", at_most=target)


def room_and_span(path: Path) -> tuple[rooms.Room, history_pages.Window]:
    """The room, and a window that holds all its messages but has to look for both ends."""
    db = engine.reading(path)
    db.connect()
    room = rooms.get(db, scene.ROOM)
    first, last = (messages.between(db, room.ref, seq, seq)[0] for seq in (1, room.last_seq))
    db.close()
    window = history_pages.Window(times.seconds(first.created_at), times.seconds(last.created_at))
    return room, window


def questions(path: Path, samples: int, repeat: int) -> None:
    room, span = room_and_span(path)
    db = engine.reading(path)
    db.connect()
    for window, which in ((OPEN, ""), (span, ", from and to")):
        for page in PAGES:

            def ask(window: history_pages.Window = window, page: int = page) -> None:
                found = history_pages.message_page(db, room, window, page, LIMIT)
                assert len(found.records) == LIMIT

            runs = measure(ask, samples, repeat)
            show(f"query, page {page}{which}", runs, at_most=TARGET_MILLISECONDS)
            spent = measure(ask, samples, 1, time.thread_time)
            show(f"query, page {page}{which}, CPU", spent)
    db.close()


async def reads(
    store: Store, room: rooms.Room, span: history_pages.Window, samples: int, repeat: int
) -> None:
    for window, which in ((OPEN, ""), (span, ", from and to")):
        for page in PAGES:
            runs: Runs = [[] for _ in range(repeat)]
            for run in runs:
                for _ in range(samples):
                    started = time.perf_counter()
                    await store.read(history_pages.message_page, room, window, page, LIMIT)
                    run.append(time.perf_counter() - started)
            show(f"Store.read, page {page}{which}", runs, at_most=TARGET_MILLISECONDS)


def requests(path: Path, samples: int, repeat: int) -> None:
    room, span = room_and_span(path)
    windows: dict[str, dict[str, int]] = {
        "": {},
        ", from and to": {"from": span.from_time or 0, "to": span.to_time or 0},
    }
    with served.server(path, served.SERVER_CORE) as server, server.client() as client:
        os.sched_setaffinity(0, {served.LOAD_CORE})
        for which, window in windows.items():
            for page in PAGES:

                def ask(window: dict[str, int] = window, page: int = page) -> None:
                    answer = client.get(
                        f"/management/sync/chat-history/{room.public_id}",
                        params={"page": page, "limit": LIMIT, **window},
                    )
                    assert answer.status_code == 200, answer.text

                show(f"HTTP request, page {page}{which}", measure(ask, samples, repeat))


def main() -> None:
    parser = scene.arguments(__doc__)
    parser.add_argument("--samples", type=int, default=100, help="queries in each run")
    given = parser.parse_args()
    report.machine()
    with scene.directory() as folder:
        path = scene.filled(folder, given.rows, given.keep)
        report.line("messages in the room", given.rows, "")
        questions(path, given.samples, given.repeat)
        room, span = room_and_span(path)

        async def work(store: Store) -> None:
            await reads(store, room, span, given.samples, given.repeat)

        scene.run(scene.with_store(path, work))
        requests(path, given.samples, given.repeat)
    report.end()


if __name__ == "__main__":
    main()
