"""Followers move through the log by a durable cursor: nothing is skipped, whatever breaks."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from chatctl_server.actions import conversations, followers, moderation
from chatctl_server.domain import events, times
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import cursors, maintenance
from chatctl_server.storage.store import Store
from chatctl_server.workers.follower import Follower

OPERATOR = events.Actor(None, "api_key")


class Broken(Exception):
    """What ends a handler in the middle of its page."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    store = Store(tmp_path / "chat.db", durable=False, clock=times.now)
    await store.open()
    room = await store.write(conversations.create_room, OPERATOR, "lobby", [])
    for user_id in ("anna", "bert"):
        await store.write(moderation.ban, OPERATOR, room.ref, user_id, None, None)
    yield store
    await store.close()


async def test_a_page_that_was_not_finished_is_read_again(store: Store) -> None:
    handled: list[int] = []

    async def handle(page: Sequence[events.Event]) -> bool:
        is_first = not handled
        handled.extend(entry.offset for entry in page)
        if is_first:
            raise Broken
        return True

    with pytest.raises(Broken):
        await Follower("test", store, Notifier(), handle).step()
    assert await store.read(cursors.position, "test") == 0
    after_the_crash = Follower("test", store, Notifier(), handle)
    assert not await after_the_crash.step(), "there is nothing behind that page"
    assert handled == [1, 2, 3, 1, 2, 3]
    assert await store.read(cursors.position, "test") == 3


async def test_a_cursor_that_another_moved_stays(store: Store) -> None:
    assert await store.write(followers.plan, "test", 0, 2)
    assert not await store.write(followers.plan, "test", 0, 1)
    assert await store.read(cursors.position, "test") == 2
