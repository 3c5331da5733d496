"""Finished deliveries are forgotten after their time, with their tries; dead letters later."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from offline import room

from chatctl_server.actions import attempts, callbacks, history_batches
from chatctl_server.domain import times
from chatctl_server.domain.callbacks import Delivered, GivenUp, Outcome, Verdict
from chatctl_server.storage import deliveries, maintenance
from chatctl_server.storage import history_batches as progress
from chatctl_server.storage.deliveries import Planned
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers.callbacks import retention

DAY = 24 * 3600 * times.SECOND
SIZES = history_batches.Sizes(100, 100, 4)
URL = "http://127.0.0.1:1/"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    store = Store(tmp_path / "chat.db", durable=False, clock=lambda: DAY)
    await store.open()
    await store.write(callbacks.configure, {"chat_history": URL, "room_event": URL}, 0)
    yield store
    await store.close()


def finish(tx: Tx, endpoint: int, event: str, verdict: Verdict) -> int:
    wanted = Planned(endpoint, 1, event, 1, 1, 4)
    number = deliveries.add(tx.db, tx.take("delivery"), [wanted], tx.now, 0)
    delivery = deliveries.one(tx.db, number)
    assert delivery is not None
    outcome = Outcome(5, status=200)
    tried = attempts.AttemptEnded(delivery, tx.now, outcome, verdict, b"", 0, SIZES)
    assert attempts.record_one(tx, tried)
    return number


def plan(tx: Tx) -> int:
    return deliveries.add(
        tx.db, tx.take("delivery"), [Planned(2, 1, "room_created", 1, 1, 4)], tx.now, 0
    )


async def left(store: Store, *numbers: int) -> list[bool]:
    return [await store.read(deliveries.one, number) is not None for number in numbers]


async def test_what_is_delivered_goes_first_and_dead_letters_later(store: Store) -> None:
    good = await store.write(finish, 2, "room_created", Delivered())
    bad = await store.write(finish, 2, "room_created", GivenUp())
    await store.write(plan)
    assert await retention.forget(store, 7, 7 * DAY) == 0
    assert await retention.forget(store, 7, 9 * DAY) == 1
    assert await left(store, good, bad) == [False, True]
    assert await store.read(deliveries.tries, good) == []
    assert len(await store.read(deliveries.tries, bad)) == 1
    assert await retention.forget(store, 7, 30 * DAY) == 1
    assert await left(store, bad) == [False]


async def test_what_is_pending_stays(store: Store) -> None:
    number = await store.write(plan)
    assert await retention.forget(store, 1, 1000 * DAY) == 0
    assert await left(store, number) == [True]


async def test_a_failed_batch_stays_for_the_run_that_begins_with_it(store: Store) -> None:
    def fail(tx: Tx) -> int:
        number = finish(tx, 1, "chat_history_batch", GivenUp())
        progress.save(tx.db, "chat_history", room(1), progress.BatchProgress(0, 1, number))
        return number

    number = await store.write(fail)
    await store.write(plan)
    assert await retention.forget(store, 1, 1000 * DAY) == 0
    assert await left(store, number) == [True]


async def test_many_are_forgotten_a_few_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "A_CALL", 2)
    for _ in range(5):
        newest = await store.write(finish, 2, "room_created", Delivered())
    assert await retention.forget(store, 1, 1000 * DAY) == 5
    assert await store.write(plan) == newest + 1, "no number is given twice"
