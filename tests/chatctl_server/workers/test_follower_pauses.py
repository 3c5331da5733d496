"""How a follower goes through the log."""

import asyncio
import itertools

import pytest

from chatctl_server.domain import token_bucket
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


async def test_a_busy_log_is_read_in_steps_not_commit_by_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follower, "STEPS_PER_SECOND", 10)
    burst = 10 * token_bucket.BURST_SECONDS
    notifier, steps = Notifier(), []

    async def step() -> bool:
        steps.append(asyncio.get_running_loop().time())
        return False

    async def catch_up() -> None:
        pass

    following = asyncio.create_task(follower.follow(notifier, step, catch_up))
    while len(steps) < burst + 4:
        notifier.notify()
        await asyncio.sleep(0)
    following.cancel()
    between = [later - earlier for earlier, later in itertools.pairwise(steps)]
    assert sum(between[burst:]) >= 0.09 * len(between[burst:])
