"""A ban against posts from another thread: no message stands above its sender's ban.

``CHATCTL_PROOF=1`` runs the long form.
"""

import asyncio
import functools
import os
import random
import threading
from typing import Any

import pytest
from offline import room

from chatctl_server import errors
from chatctl_server.actions import conversations, messages, moderation
from chatctl_server.domain import events
from chatctl_server.storage import log
from chatctl_server.storage.store import Store
from chatctl_server.storage.writer import Outcome

OPERATOR = events.Actor(None, "api_key")
ROOM = room(1)
INTERLEAVINGS = 1000 if os.environ.get("CHATCTL_PROOF") == "1" else 300
POSTS = 6


@pytest.mark.parametrize("is_urgent", [False, True], ids=["in the queue", "overtaking"])
async def test_no_message_above_its_senders_ban(store: Store, is_urgent: bool) -> None:
    await store.write(conversations.create_room, OPERATOR, "lobby", [])
    race = Race(store, is_urgent)
    await asyncio.gather(asyncio.to_thread(race.post), asyncio.to_thread(race.ban))
    recorded = await store.read(log.read_after, 0, 100_000)
    banned_at = {
        e.payload.user_id: e.offset for e in recorded if isinstance(e.payload, events.BanSet)
    }
    posted = [e for e in recorded if isinstance(e.payload, events.MessagePosted)]
    assert len(banned_at) == INTERLEAVINGS
    assert [e for e in posted if e.offset > banned_at[e.payload.sender]] == []
    refused = [each for each in race.outcomes if isinstance(each, Exception)]
    assert {type(each) for each in refused} == {errors.Banned}
    assert len(posted) + len(refused) == INTERLEAVINGS * POSTS
    assert posted, "every ban came before its user's first post: nothing was raced"
    assert refused, "every ban came after its user's last post: nothing was raced"


class Race:
    """Per user, one thread posts and one bans, let go at the same moment, a little apart."""

    def __init__(self, store: Store, is_urgent: bool) -> None:
        self.outcomes: list[Outcome] = []
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._is_urgent = is_urgent
        self._chance = random.Random(3)
        self._gate = threading.Barrier(2, timeout=30)
        self._answered = [threading.Semaphore(0), threading.Semaphore(0)]

    def post(self) -> None:
        for user in range(INTERLEAVINGS):
            self._gate.wait()
            name = f"user-{user}"
            for number in range(POSTS):
                given = messages.Post(ROOM, OPERATOR, name, name, "text", f"{user}.{number}")
                self._submit(messages.POST, (given,), self._posted)
            for _ in range(POSTS):
                self._answered[0].acquire()

    def ban(self) -> None:
        for user in range(INTERLEAVINGS):
            self._gate.wait()
            for _ in range(self._chance.randrange(3000)):
                pass  # some microseconds, so that the ban falls between the posts
            self._submit(
                moderation.ban,
                (OPERATOR, ROOM, f"user-{user}", None, None),
                lambda _: self._answered[1].release(),
                urgent=self._is_urgent,
            )
            self._answered[1].acquire()

    def _submit(self, *call: Any, urgent: bool = False) -> None:
        submit = functools.partial(self._store.submit, *call, urgent=urgent)
        self._loop.call_soon_threadsafe(submit)

    def _posted(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._answered[0].release()
