"""Finished deliveries are forgotten after their time, with their tries; dead letters later."""

import delivery
import pytest
from offline import room

from chatctl_server.actions import callbacks
from chatctl_server.domain import times
from chatctl_server.domain.callbacks import Delivered, GivenUp, Verdict
from chatctl_server.storage import deliveries
from chatctl_server.storage import history_batches as progress
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers.callbacks import retention

DAY = 24 * 3600 * times.SECOND
URL = "http://127.0.0.1:1/"


@pytest.fixture
async def store(store: Store) -> Store:
    await store.write(callbacks.configure, {"chat_history": URL, "room_event": URL}, 0)
    return store


def finish(tx: Tx, endpoint: int, event: str, verdict: Verdict) -> int:
    return delivery.finish(tx, delivery.plan(tx, endpoint, event).id, verdict)


def plan(tx: Tx) -> int:
    return delivery.plan(tx, 2).id


async def forget(store: Store, kept_days: int, passed_days: int) -> int:
    return await retention.forget(store, kept_days, times.now() + passed_days * DAY)


async def left(store: Store, *numbers: int) -> list[bool]:
    return [await store.read(deliveries.one, number) is not None for number in numbers]


async def test_what_is_delivered_goes_first_and_dead_letters_later(store: Store) -> None:
    good = await store.write(finish, 2, "room_created", Delivered())
    bad = await store.write(finish, 2, "room_created", GivenUp())
    await store.write(plan)
    assert await forget(store, 7, 6) == 0
    assert await forget(store, 7, 8) == 1
    assert await left(store, good, bad) == [False, True]
    assert await store.read(deliveries.tries, good) == []
    assert len(await store.read(deliveries.tries, bad)) == 1
    assert await forget(store, 7, 29) == 1
    assert await left(store, bad) == [False]


async def test_what_is_pending_stays(store: Store) -> None:
    number = await store.write(plan)
    assert await forget(store, 1, 1000) == 0
    assert await left(store, number) == [True]


async def test_a_failed_batch_stays_for_the_run_that_begins_with_it(store: Store) -> None:
    def fail(tx: Tx) -> int:
        number = finish(tx, 1, "chat_history_batch", GivenUp())
        progress.save(tx.db, "chat_history", room(1), progress.BatchProgress(0, 1, number))
        return number

    number = await store.write(fail)
    await store.write(plan)
    assert await forget(store, 1, 1000) == 0
    assert await left(store, number) == [True]


async def test_many_are_forgotten_a_few_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "A_CALL", 2)
    for _ in range(5):
        newest = await store.write(finish, 2, "room_created", Delivered())
    assert await forget(store, 1, 1000) == 5
    assert await store.write(plan) == newest + 1, "no number is given twice"
