"""Free memory goes back to the system, when a crowd has gone."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import apsw
import pytest
from application import Talker, in_process, reached
from world import Server

from chatctl_server import app as application
from chatctl_server.live.presence import Presence
from chatctl_server.process import memory
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx

HEAP_BYTES = 64 * 1024 * 1024  # what glibc reserves for one
FRAGMENTED = """
from chatctl_server.process import memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

before = resident()
parts = [bytearray(50_000) for _ in range(1000)]
kept = parts[::50]  # the ends of the heap are in use
del parts
held = resident()
memory.give_back()
print(before, held, resident())
"""


def test_it_goes_back_from_the_middle_of_the_heap() -> None:
    command = [sys.executable, "-c", FRAGMENTED]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    before, held, after = map(int, told.split())
    assert held > before + 40_000
    assert after < before + 10_000


def has(presence: Presence, count: int) -> bool:
    return presence.connections == count


async def test_when_a_crowd_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    freed: list[int] = []

    async def free_cache(store: Store) -> None:
        freed.append(len(given))

    monkeypatch.setattr(application, "MEMORY_SECONDS", 0.01)
    monkeypatch.setattr(application, "A_CROWD", 3)
    async with in_process(tmp_path, "server") as (app, client):
        presence = app.context.presence
        monkeypatch.setattr(Store, "free_cache", free_cache)
        monkeypatch.setattr(memory, "give_back", lambda: given.append(presence.connections))
        room = (await client.post("/management/rooms", json={"room_name": "lobby"})).json()
        talkers = [Talker(app, room["room_id"], f"user{number}") for number in range(6)]
        await reached(partial(has, presence, 6))
        for number in range(6, 20):  # one goes for each that comes
            talkers.append(Talker(app, room["room_id"], f"user{number}"))
            await reached(partial(has, presence, 7))
            await talkers.pop(0).leave()
        assert given == []
        for leaving, left in ((2, 4), (3, 1)):  # of seven at once, then of four
            before = len(given)
            for _ in range(leaving):
                assert len(given) == before
                await talkers.pop().leave()
            await reached(lambda before=before: len(given) > before)  # type: ignore[misc]
            assert given[before:] == [left]
        assert freed == [0, 1]  # before the rest


def cached(tx: Tx) -> int:
    bytes_now, _ = tx.db.connection().status(apsw.SQLITE_DBSTATUS_CACHE_USED)
    return int(bytes_now)


async def test_the_writer_has_a_cache_which_it_frees(tmp_path: Path) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        store = app.context.store
        for number in range(50):
            created = await client.post("/management/rooms", json={"room_name": f"room {number}"})
            assert created.status_code == 200
        before = await store.write(cached)
        await store.free_cache()
        assert await store.write(cached) < before / 4


def heaps(server: Server) -> int:
    """Those that are not the loop's: each begins at a multiple of 64 MiB, with what it does not
    use yet behind it; another mapping may begin at one by chance."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/maps").read_text().splitlines()
    spans = [tuple(int(part, 16) for part in line.split()[0].split("-")) for line in lines]
    return sum(
        start % HEAP_BYTES == 0
        and " rw-p " in line
        and following[0] == end
        and following[1] >= start + HEAP_BYTES
        for line, (start, end), following in zip(lines, spans, spans[1:], strict=False)
    )


def test_threads_share_a_heap(server: Server) -> None:
    room = server.create_room()
    room.join("anna").say("hello")
    for path in ("rooms", f"rooms/{room.id}", f"sync/chat-history/{room.id}", "callbacks", "sync"):
        for _ in range(10):
            server.http.get(f"/management/{path}").raise_for_status()
    assert heaps(server) == 1
