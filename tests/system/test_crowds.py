"""Many clients of one room: dropped and back at once, beside others that do not read, ten thousand.
What is asserted is what they were told; the times are printed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import proof
import pytest
from visitors import Visitor
from world import Room, Server, eventually, running

STORM = proof.size(100, 2000)
DEAF = proof.size(40, 1000)
READERS = proof.size(10, 100)
RECEIVERS = proof.size(200, 10_000)
AT_ONCE = 1000  # connections that are begun together, fewer than the system keeps waiting
POSTS = 60
LONG = "x" * 30_000  # of which 60 are more than a room keeps
MIB = 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, RESUME_LIMIT="1000000", NEW_CONNECTIONS_PER_SECOND="0") as started:
        yield started


@contextlib.asynccontextmanager
async def crowd(room: Room, name: str, count: int, **how: int) -> AsyncIterator[list[Visitor]]:
    """Inside until the end."""
    visitors = [Visitor(room, f"{name}-{number}", **how) for number in range(count)]
    try:
        await come(visitors)
        yield visitors
    finally:
        for each in visitors:
            await each.vanish()


async def come(visitors: list[Visitor], receive_buffer: int | None = None) -> None:
    for start in range(0, len(visitors), AT_ONCE):
        some = visitors[start : start + AT_ONCE]
        assert all(await asyncio.gather(*(each.come(receive_buffer) for each in some)))


async def post(poster: Visitor, count: int, text: str = "hello") -> None:
    """One after the other, all acknowledged."""
    for _ in range(count):
        poster.say(text)
        await poster.reaches(lambda: poster.acknowledged == poster.posted)


async def read_all(visitors: list[Visitor], seq: int) -> None:
    await asyncio.gather(*(each.reads(seq) for each in visitors))


def told(visitors: list[Visitor]) -> set[tuple[int, int, int | None]]:
    """Up to where, how much of it wrong, and the code of who was shown out."""
    return {(each.last_seq, len(each.wrong) + len(each.errors), each.code) for each in visitors}


@proof.over_each_transport()
@pytest.mark.timeout(proof.time_limit())
async def test_all_are_dropped_and_come_back_at_once(server: Server) -> None:
    room = server.create_room()
    async with crowd(room, "poster", 1) as (poster,), crowd(room, "client", STORM) as clients:
        await post(poster, POSTS)
        await read_all(clients, POSTS)
        await asyncio.gather(*(each.vanish() for each in clients))
        await post(poster, POSTS)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(post(poster, POSTS))
            await come(clients)
            inside = time.monotonic() - began
            await read_all(clients, 2 * POSTS)
            whole = time.monotonic() - began
        await read_all(clients, 3 * POSTS)
        assert told(clients) == {(3 * POSTS, 0, None)}
    print(f"{STORM} clients: inside after {inside:.1f} s, with what they missed {whole:.1f} s")


@proof.over_each_transport()
@pytest.mark.timeout(proof.time_limit())
async def test_who_does_not_read_holds_nobody_up(server: Server) -> None:
    """Who reads gets everything; a third of the others reads a little now and then."""
    room = server.create_room()
    deaf = [Visitor(room, f"deaf-{number}") for number in range(DEAF)]
    async with crowd(room, "poster", 1) as (poster,), crowd(room, "reader", READERS) as readers:
        await come(deaf, receive_buffer=4096)
        for each in deaf:
            each.stop_reading()
        before = memory(server)
        dripping = asyncio.create_task(drip(deaf[::3]))
        began = time.monotonic()
        await post(poster, POSTS, LONG)
        await read_all(readers, POSTS)
        seconds = time.monotonic() - began
        grown = memory(server) - before
        dripping.cancel()
        assert grown < (32 + DEAF / 4) * MIB
        assert told(readers) == {(POSTS, 0, None)}
        for each in deaf:
            await each.vanish()
        assert [each.wrong for each in deaf if each.wrong] == []
        eventually(lambda: room.details()["current_users"] == 1 + READERS)
    print(f"{READERS} beside {DEAF}: {seconds:.1f} s, {grown / MIB:+.0f} MiB")


async def drip(visitors: list[Visitor]) -> None:
    """About 4 KB a second each."""
    while True:
        for each in visitors:
            each.read_on()
        await asyncio.sleep(0)
        for each in visitors:
            each.stop_reading()
        await asyncio.sleep(1)


def memory(server: Server) -> int:
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


@pytest.mark.timeout(proof.time_limit())
async def test_a_room_of_ten_thousand(server: Server) -> None:
    room = server.create_room()
    async with crowd(room, "poster", 1) as (poster,), crowd(room, "receiver", RECEIVERS) as all_:
        began = time.monotonic()
        await post(poster, 20)
        await read_all(all_, 20)
        seconds = time.monotonic() - began
        assert told(all_) == {(20, 0, None)}
        assert room.details()["current_users"] == 1 + RECEIVERS
    print(f"{RECEIVERS} receivers: 20 messages one after the other in {seconds:.1f} s")
