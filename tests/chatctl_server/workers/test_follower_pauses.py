"""How a follower goes through the log."""

import asyncio

import pytest

from chatctl_server.live.notifier import Notifier
from chatctl_server.workers import follower


async def test_one_that_is_far_behind_leaves_others_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follower, "PAUSE_SECONDS", 3600)
    steps = []

    async def step() -> bool:
        steps.append(1)
        return True

    async def catch_up() -> None:
        pass

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await follower.follow(Notifier(), step, catch_up)
    assert len(steps) == 1
