"""A store that is closed while queries run, and what a stopping server says to them."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from chatctl_server import errors
from chatctl_server.domain import times
from chatctl_server.storage import maintenance, store
from chatctl_server.storage.store import Store

LONG = (  # it counts for seconds
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000000)"
    " SELECT count(*) FROM n"
)


async def _opened(path: Path) -> Store:
    maintenance.prepare(path, durable=True)
    store = Store(path, clock=times.now)
    await store.open()
    return store


def test_a_close_interrupts_the_questions_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LIST_SECONDS", 3600)
    begun = threading.Event()

    def long(db: Database) -> Any:
        begun.set()
        return db.execute_sql(LONG).fetchone()

    async def story() -> None:
        opened = await _opened(tmp_path / "chat.db")
        asking = [asyncio.create_task(opened.read(long)) for _ in range(6)]
        await asyncio.to_thread(begun.wait, 10)
        await opened.close()
        for outcome in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(outcome, errors.StorageUnavailable)
            assert outcome.detail == "The server stops"

    asyncio.run(story())


def test_after_an_interrupt_nothing_more_is_read_but_what_waits_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        store = await _opened(tmp_path / "chat.db")
        assert await store.read(lambda db: 7) == 7
        store.interrupt()
        with pytest.raises(errors.StorageUnavailable, match="The server stops"):
            await store.read(lambda db: 7)
        assert await store.write(lambda tx: 8) == 8
        await store.close()

    asyncio.run(story())
