"""Whatever the clock on the wall is set to: retries neither come at once nor stay away."""

import time

import pytest

from chatctl_server import errors
from chatctl_server.actions import callbacks
from chatctl_server.domain import times
from chatctl_server.storage import deliveries
from chatctl_server.storage.deliveries import Planned
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers import clock

HOUR = 3600 * times.SECOND
FIVE_SECONDS = 5 * times.SECOND


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_sender_s_clock_goes_on_evenly(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    steady = times.SteadyClock()
    before = steady.now()
    assert before == pytest.approx(times.now(), abs=times.SECOND)
    really = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: really() + jump * 1000)
    assert 0 <= steady.now() - before < times.SECOND
    assert times.now() == pytest.approx(before + jump, abs=times.SECOND)


@pytest.fixture
async def store(store: Store) -> Store:
    await store.write(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, HOUR)
    return store


def wait_in_lane(tx: Tx, due_at: int, delay: int) -> None:
    deliveries.add(
        tx.db, tx.take("delivery"), [Planned(1, 1, "room_created", 1, 1, 4)], tx.now, due_at
    )
    deliveries.reschedule(tx.db, [deliveries.Rescheduled(1, 1, due_at, delay, is_slow=False)])


async def test_a_lane_of_a_run_whose_clock_was_ahead_waits_no_longer_than_its_delay(
    store: Store,
) -> None:
    await store.write(wait_in_lane, 3 * HOUR, FIVE_SECONDS)
    await store.write(callbacks.configure, {}, HOUR)
    assert await store.read(deliveries.next_due, 1, HOUR) == HOUR + FIVE_SECONDS


async def test_a_lane_of_a_run_whose_clock_was_behind_is_due(store: Store) -> None:
    await store.write(wait_in_lane, 1, FIVE_SECONDS)
    await store.write(callbacks.configure, {}, HOUR)
    [due] = await store.read(_due, HOUR)
    assert due.event == "room_created"


def _due(db: object, now: int) -> list[deliveries.Delivery]:
    return deliveries.due(db, 1, is_slow=False, now=now, limit=5)  # type: ignore[arg-type]


async def test_a_request_that_is_refused_is_made_again_before_the_next_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "INSIST_SECONDS", 0.01)
    refusals = [errors.StorageUnavailable("The disk is full")] * 2

    async def tick() -> None:
        if refusals:
            raise refusals.pop()

    await clock.insist("clock: data", tick)
    assert not refusals
