"""What the loop and the writer's thread tell each other: batches, and no more."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import PATIENCE_SECONDS

from chatctl_server.domain import times
from chatctl_server.storage import maintenance, store
from chatctl_server.storage.store import ENOUGH_CALLS, Store
from chatctl_server.storage.transaction import Tx

LONG = PATIENCE_SECONDS + 5  # nobody waits for it


def nothing(tx: Tx) -> None:
    pass


class Counted(Store):
    """``sizes``: how many calls each batch had."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, durable=False, clock=times.now)
        self.sizes: list[int] = []
        self.on_batch = lambda calls, seconds: self.sizes.append(calls)


async def write_two(opened: Counted) -> None:
    """After a batch of several the next one is gathered."""
    await asyncio.gather(opened.write(nothing), opened.write(nothing))


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Counted]:
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    made = Counted(path)
    await made.open()
    yield made
    await made.close()


async def test_what_comes_in_a_turn_or_while_another_is_written_is_one_batch(
    opened: Counted,
) -> None:
    is_over = threading.Event()

    def hold(tx: Tx) -> None:
        is_over.wait(10)

    first = [asyncio.ensure_future(opened.write(action)) for action in (hold, nothing, nothing)]
    await asyncio.sleep(0.01)
    behind = [asyncio.ensure_future(opened.write(nothing)) for _ in range(4)]
    for each in behind:
        await asyncio.sleep(0)
        assert not each.done()
    is_over.set()
    await asyncio.gather(*first, *behind)
    assert opened.sizes == [3, 4]


async def test_what_comes_close_behind_a_batch_is_gathered(
    opened: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "GATHER_SECONDS", 0.05)
    await write_two(opened)
    behind = []
    for _ in range(5):
        behind.append(asyncio.ensure_future(opened.write(nothing)))
        await asyncio.sleep(0.001)
    await asyncio.gather(*behind)
    assert opened.sizes == [2, 5]


async def test_what_administrators_do_is_not_kept_waiting(
    opened: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "GATHER_SECONDS", LONG)
    await write_two(opened)
    behind = asyncio.ensure_future(opened.write(nothing))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await opened.write_urgent(nothing)
        await behind
    assert opened.sizes == [2, 2]


async def test_nor_are_many(opened: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "GATHER_SECONDS", LONG)
    await write_two(opened)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(opened.write(nothing) for _ in range(ENOUGH_CALLS)))
    assert opened.sizes == [2, ENOUGH_CALLS]


async def test_nor_is_a_stop(opened: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "GATHER_SECONDS", LONG)
    await write_two(opened)
    behind = asyncio.ensure_future(opened.write(nothing))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await opened.close()
        await behind


async def test_nor_is_who_sends_one_after_the_other(
    opened: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "GATHER_SECONDS", LONG)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(3):
            await opened.write(nothing)
    assert opened.sizes == [1, 1, 1]
