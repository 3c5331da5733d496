"""What the loop and the writer's thread tell each other: batches, and no more."""

import asyncio
import threading
from pathlib import Path

from chatctl_server.domain import times
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx


def nothing(tx: Tx) -> None:
    pass


async def test_what_comes_in_a_turn_or_while_another_is_written_is_one_batch(
    tmp_path: Path,
) -> None:
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    sizes: list[int] = []
    store.on_batch = lambda calls, seconds: sizes.append(calls)
    is_over = threading.Event()

    def hold(tx: Tx) -> None:
        is_over.wait(10)

    try:
        first = [asyncio.ensure_future(store.write(action)) for action in (hold, nothing, nothing)]
        await asyncio.sleep(0.01)
        behind = [asyncio.ensure_future(store.write(nothing)) for _ in range(4)]
        for each in behind:
            await asyncio.sleep(0)
            assert not each.done()
        is_over.set()
        await asyncio.gather(*first, *behind)
        await asyncio.sleep(0)
    finally:
        await store.close()
    assert sizes == [3, 4]
