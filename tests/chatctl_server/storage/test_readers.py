"""Two pools of reader threads: neither holds up the other, and no query takes for ever."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from chatctl_server import errors
from chatctl_server.domain import times
from chatctl_server.storage import maintenance, readers, store
from chatctl_server.storage.store import Store

LONG = (  # it counts for hours
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000000)"
    " SELECT count(*) FROM n"
)


def long(db: Database) -> Any:
    return db.execute_sql(LONG).fetchone()


@contextlib.asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Store]:
    maintenance.prepare(directory / "chat.db", durable=False)
    made = Store(directory / "chat.db", durable=False, clock=times.now)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@contextlib.contextmanager
def holding() -> Any:
    """A query that lasts until the end of the block."""
    over = threading.Event()
    try:
        yield lambda db: over.wait(30)
    finally:
        over.set()


async def test_queries_for_lists_do_not_hold_up_what_a_connection_waits_for(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as reading:
        with holding() as hold:
            asked = [asyncio.create_task(reading.read(hold)) for _ in range(2 * readers.THREADS)]
            assert await reading.read_live(lambda db: 7) == 7
            assert not any(each.done() for each in asked)
        assert await asyncio.gather(*asked) == [True] * len(asked)


@pytest.mark.parametrize("pool", ["LIST", "LIVE"])
async def test_a_query_beyond_its_limit_is_interrupted_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    monkeypatch.setattr(store, f"{pool}_SECONDS", 0.05)
    async with opened(tmp_path) as reading:
        read = reading.read if pool == "LIST" else reading.read_live
        for _ in range(2 * readers.THREADS):
            with pytest.raises(errors.QueryTimeout, match=r"longer than 0\.05 s .* ask for less"):
                await read(long)
        for _ in range(2 * readers.THREADS):
            assert await read(lambda db: db.execute_sql("SELECT 7").fetchone()) == (7,)


async def test_only_what_is_late_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same connections as the late ones, and at the same time."""
    monkeypatch.setattr(store, "LIST_SECONDS", 0.3)
    monkeypatch.setattr(readers, "WATCH_SECONDS", 0.001)
    monkeypatch.setattr(readers, "THREADS", 2)
    async with opened(tmp_path) as reading:

        async def late() -> None:
            with pytest.raises(errors.QueryTimeout):
                await reading.read(long)

        async def in_time() -> None:
            for _ in range(100):
                assert await reading.read(lambda db: db.execute_sql("SELECT 7").fetchone()) == (7,)

        for _ in range(5):
            await asyncio.gather(late(), in_time())


async def test_whose_caller_is_gone_does_not_keep_its_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LIST_SECONDS", 0.05)
    monkeypatch.setattr(readers, "THREADS", 1)
    begun = threading.Event()

    def begin(db: Database) -> Any:
        begun.set()
        return long(db)

    async with opened(tmp_path) as reading:
        asked = asyncio.create_task(reading.read(begin))
        await asyncio.to_thread(begun.wait, 10)
        asked.cancel()
        await asyncio.wait([asked])
        async with asyncio.timeout(15):
            assert await reading.read(lambda db: 7) == 7


async def test_a_full_queue_is_busy_and_the_other_pool_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_WAITING", 6)
    async with opened(tmp_path) as reading:
        with holding() as hold:
            asked = [asyncio.create_task(reading.read(hold)) for _ in range(6)]
            await asyncio.sleep(0)
            with pytest.raises(errors.Busy):
                await reading.read(hold)
            assert await reading.read_live(lambda db: 7) == 7
        await asyncio.gather(*asked)
        assert await reading.read(lambda db: 7) == 7
