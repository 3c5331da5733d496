"""Every connection is looked at once a second, not all in one turn of the loop."""

import asyncio

import pytest

from chatctl_server.live.timer import SLICE_CHECKS, SLOTS, TICK_SECONDS, Timer


class Connection:
    def __init__(self) -> None:
        self.checks = 0

    def check(self, now: float) -> None:
        self.checks += 1


class Broken(Connection):
    def check(self, now: float) -> None:
        super().check(now)
        raise RuntimeError("broken")


async def go_round(timer: Timer) -> None:
    for _ in range(SLOTS):
        await timer.tick()


async def test_a_tick_looks_at_a_tenth() -> None:
    timer, connections = Timer(), [Connection() for _ in range(100)]
    for each in connections:
        timer.add(each)
    for tick in range(1, SLOTS + 1):
        await timer.tick()
        assert sum(each.checks for each in connections) == tick * 100 // SLOTS
    assert {each.checks for each in connections} == {1}


async def test_who_is_gone_is_not_looked_at() -> None:
    timer, stays, goes = Timer(), Connection(), Connection()
    timer.add(goes)
    timer.add(stays)
    timer.discard(goes)
    timer.discard(goes)
    await go_round(timer)
    assert (stays.checks, goes.checks) == (1, 0)


async def test_many_are_looked_at_in_slices() -> None:
    """Other work has its turn in between, and may close one that was about to be looked at."""
    timer, connections = Timer(), [Connection() for _ in range(2 * SLOTS * SLICE_CHECKS)]
    for each in connections:
        timer.add(each)
    ticking = asyncio.create_task(timer.tick())
    while not any(each.checks for each in connections):
        await asyncio.sleep(0)
    assert sum(each.checks for each in connections) == SLICE_CHECKS
    for each in connections:
        timer.discard(each)
    await ticking
    assert sum(each.checks for each in connections) == SLICE_CHECKS


async def test_one_that_fails_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    timer, broken, sound = Timer(), Broken(), Connection()
    timer.add(broken)
    for _ in range(SLOTS):
        timer.add(sound := Connection())
    await go_round(timer)
    await go_round(timer)
    assert (broken.checks, sound.checks) == (1, 2)
    assert "a connection failed" in caplog.text


async def test_the_lag_is_how_late_a_tick_is() -> None:
    timer = Timer()
    await timer.tick()
    assert timer.lag_seconds == 0
    await asyncio.sleep(TICK_SECONDS + 0.2)
    await timer.tick()
    assert timer.lag_seconds >= 0.15
    for _ in range(200):
        await timer.tick()
    assert timer.lag_seconds < 0.15
