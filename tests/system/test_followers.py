"""Followers move through the log by a durable cursor: nothing is skipped, whatever breaks, and what
is none of a follower's acts costs it no commit of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from chatctl_server.actions import conversations, followers, messages, moderation
from chatctl_server.domain import events, times
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import cursors, maintenance
from chatctl_server.storage.store import Store
from chatctl_server.workers import audit, follower

OPERATOR = events.Actor(None, "test")


class Broken(Exception):
    """What ends a handler in the middle of its page."""


class Scene:
    """A store whose commits are counted, and the audit that follows it step by step."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path, durable=False, clock=times.now)
        self.store.on_batch = self._committed
        self.notifier = Notifier()
        self.audit = follower.Follower(
            audit.NAME, self.store, self.notifier, audit.Audit(self.store).handle
        )
        self.commits = 0
        self.room = RoomRef(0, 0)

    def _committed(self, calls: int, seconds: float) -> None:
        self.commits += 1

    async def say(self, text: str) -> None:
        post = messages.Post(self.room, OPERATOR, "anna", "anna", text)
        await self.store.write(messages.post_one, post)

    async def ban(self, user_id: str) -> None:
        await self.store.write(moderation.ban, OPERATOR, self.room, user_id, None, None)

    async def cursor(self) -> int:
        return await self.store.read(cursors.position, audit.NAME)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """The room's creation has been followed already."""
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    scene = Scene(tmp_path / "chat.db")
    await scene.store.open()
    created = await scene.store.write(conversations.create_room, OPERATOR, "lobby", [])
    scene.room = created.ref
    assert not await scene.audit.step(), "there is nothing behind it"
    assert await scene.cursor() == 1
    scene.commits = 0
    yield scene
    await scene.store.close()


async def test_an_act_moves_the_cursor_past_all_before_it(scene: Scene) -> None:
    """A lone message is one commit, and does not."""
    for number in range(20):
        await scene.say(f"{number}")
        assert not await scene.audit.step()
    assert (scene.commits, await scene.cursor()) == (20, 1)
    await scene.ban("anna")
    await scene.audit.step()
    assert (scene.commits, await scene.cursor()) == (22, 22)


async def test_as_many_messages_as_a_page_move_it(scene: Scene) -> None:
    """However long nobody acts, a restart has no more than a page to read again."""
    for number in range(follower.PAGE + 10):
        post = messages.Post(scene.room, OPERATOR, "anna", "anna", f"{number}")
        scene.store.submit(messages.POST, (post,), lambda _: None)
    await scene.say("the last")
    commits = scene.commits
    while await scene.audit.step():
        pass
    assert scene.commits == commits + 1
    assert await scene.cursor() == 1 + follower.PAGE + 11


async def follow_until_a_commit(scene: Scene, followed: follower.Follower) -> None:
    is_committed = asyncio.Event()
    scene.store.on_batch = lambda calls, seconds: is_committed.set()
    following = asyncio.create_task(followed.run())
    async with asyncio.timeout(15):
        await is_committed.wait()
    following.cancel()


async def test_in_a_quiet_moment_it_is_moved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LAZY_SECONDS", 0.01)
    await scene.say("one")
    await follow_until_a_commit(scene, scene.audit)
    assert await scene.cursor() == 2


async def test_what_was_read_and_not_noted_is_read_again(scene: Scene) -> None:
    """By the next start: nothing that matters was among it, so nothing is told twice."""
    await scene.say("one")
    await scene.audit.step()
    await scene.ban("anna")
    after_the_crash = follower.Follower(
        audit.NAME, scene.store, scene.notifier, audit.Audit(scene.store).handle
    )
    await follow_until_a_commit(scene, after_the_crash)
    assert await scene.cursor() == 3


async def test_a_page_that_was_not_finished_is_read_again(scene: Scene) -> None:
    """The room's creation is followed anew, by another."""
    store = scene.store
    handled: list[int] = []
    for user_id in ("anna", "bert"):
        await scene.ban(user_id)

    async def handle(page: Sequence[events.Event]) -> bool:
        is_first = not handled
        handled.extend(entry.offset for entry in page)
        if is_first:
            raise Broken
        return True

    with pytest.raises(Broken):
        await follower.Follower("test", store, Notifier(), handle).step()
    assert await store.read(cursors.position, "test") == 0
    after_the_crash = follower.Follower("test", store, Notifier(), handle)
    assert not await after_the_crash.step(), "there is nothing behind that page"
    assert handled == [1, 2, 3, 1, 2, 3]
    assert await store.read(cursors.position, "test") == 3


async def test_a_cursor_that_another_moved_stays(scene: Scene) -> None:
    assert await scene.store.write(followers.plan, "test", 0, 2)
    assert not await scene.store.write(followers.plan, "test", 0, 1)
    assert await scene.store.read(cursors.position, "test") == 2
