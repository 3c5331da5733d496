"""A ban against posts from another thread: no message stands above its sender's ban."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl_server import errors
from chatctl_server.conversation import messages, moderation, rooms
from chatctl_server.domain import facts, times
from chatctl_server.storage import log, maintenance
from chatctl_server.storage.store import Store
from chatctl_server.storage.writing import Outcome

OPERATOR = facts.Actor(None, "api_key")
INTERLEAVINGS = 1000
POSTS = 6


class Answers:
    """Collects the outcomes of many calls; ``complete`` is set when all are there."""

    def __init__(self, expected: int) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.complete = asyncio.Event()
        self._expected = expected

    def take(self, name: str) -> Callable[[Outcome], None]:
        def done(outcome: Outcome) -> None:
            self.outcomes[name] = outcome
            if len(self.outcomes) == self._expected:
                self.complete.set()

        return done


@pytest.mark.parametrize("is_urgent", [False, True], ids=["in the queue", "overtaking"])
async def test_no_message_above_its_senders_ban(tmp_path: Path, is_urgent: bool) -> None:
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    try:
        room = await store.write(rooms.create, OPERATOR, "lobby", [])
        answers = Answers(INTERLEAVINGS * (POSTS + 1))
        _race(store, room.public_id, answers, is_urgent)
        async with asyncio.timeout(60):
            await answers.complete.wait()
        recorded = await store.read(log.read_after, 0, 100_000)
    finally:
        await store.close()
    banned_at = {e.fact.user_id: e.offset for e in recorded if isinstance(e.fact, facts.BanSet)}
    posted = [e for e in recorded if isinstance(e.fact, facts.MessagePosted)]
    assert len(banned_at) == INTERLEAVINGS
    assert [e for e in posted if e.offset > banned_at[e.fact.sender]] == []
    refused = [each for each in answers.outcomes.values() if isinstance(each, Exception)]
    assert {type(each) for each in refused} == {errors.Banned}
    assert len(posted) + len(refused) == INTERLEAVINGS * POSTS
    assert posted, "every ban came before its user's first post: nothing was raced"
    assert refused, "every ban came after its user's last post: nothing was raced"


def _race(store: Store, room_id: str, answers: Answers, is_urgent: bool) -> None:
    """Per user, one thread posts and one bans, both let go at the same moment."""
    gate = threading.Barrier(2, timeout=30)

    def post() -> None:
        for user in range(INTERLEAVINGS):
            gate.wait()
            for number in range(POSTS):
                name = f"user-{user}"
                given = messages.Post(1, OPERATOR, name, name, "text", f"{user}.{number}")
                store.submit(messages.POST, (given,), answers.take(f"{user}.{number}"), reserved=True)

    def ban() -> None:
        for user in range(INTERLEAVINGS):
            gate.wait()
            arguments = (OPERATOR, room_id, f"user-{user}", None, None)
            done = answers.take(f"ban {user}")
            store.submit(moderation.ban, arguments, done, urgent=is_urgent, reserved=True)

    threads = [threading.Thread(target=post), threading.Thread(target=ban)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
