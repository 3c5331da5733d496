"""A large room is closed in slices: nobody else waits for its end."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from chatctl_server.app import Application, create_app
from chatctl_server.conversation import membership, moderation, rooms
from chatctl_server.domain import facts
from chatctl_server.settings import Settings
from chatctl_server.storage import log, maintenance, sessions

KEY = "the-admin-key-of-the-tests"
OPERATOR = facts.Actor(None, "test")
SESSIONS = 1_201
LARGE, SMALL = 1, 2  # conversations


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    """A server without sockets, in whose large room 1,201 users are."""
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    app = create_app(Settings(database_url=f"sqlite:{path}", admin_api_key=KEY), durable=False)
    async with app.lifespan():
        store = app.context.store
        for name in ("large", "small"):
            await store.write(rooms.create, OPERATOR, name, [])
        for number in range(SESSIONS - 1):
            arguments = (OPERATOR, LARGE, f"user-{number}", f"user-{number}")
            store.submit(membership.join, arguments, lambda _: None)
        await store.write(membership.join, OPERATOR, LARGE, "last", "last")
        await store.write(membership.join, OPERATOR, SMALL, "anna", "anna")
        yield app


async def rooms_of(app: Application) -> list[str]:
    recorded = await app.context.store.read(log.read_after, 0, 10)
    made = [each.fact for each in recorded if isinstance(each.fact, facts.ConversationCreated)]
    return [fact.public_id for fact in made]


async def close(app: Application, room_id: str) -> None:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    headers = {"X-Api-Key": KEY}
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.delete(f"/management/rooms/{room_id}", headers=headers)
    assert answer.status_code == 204


async def test_its_sessions_end_in_several_calls_and_all_of_them(app: Application) -> None:
    store = app.context.store
    slices: list[int] = []
    heard = store.on_commit

    def hear(recorded: Sequence[facts.Recorded]) -> None:
        slices.append(sum(isinstance(each.fact, facts.SessionLeft) for each in recorded))
        heard(recorded)

    store.on_commit = hear
    large, _ = await rooms_of(app)
    await close(app, large)
    assert slices == [0, 500, 500, 201]
    assert await store.read(sessions.open_of_conversation, LARGE, 10) == []
    assert len(await store.read(sessions.open_of_conversation, SMALL, 10)) == 1
    assert not await store.write(rooms.end_sessions, OPERATOR, large)


async def test_another_call_goes_in_between(app: Application) -> None:
    store = app.context.store
    large, small = await rooms_of(app)
    heard = store.on_commit
    bans: list[str] = []

    def hear(recorded: Sequence[facts.Recorded]) -> None:
        if isinstance(recorded[0].fact, facts.SessionLeft) and not bans:
            bans.append("carl")
            arguments = (OPERATOR, small, "carl", None, None)
            store.submit(moderation.ban, arguments, lambda _: None, urgent=True)
        heard(recorded)

    store.on_commit = hear
    await close(app, large)
    recorded = await store.read(log.read_after, 0, 10_000)
    (banned_at,) = [each.offset for each in recorded if isinstance(each.fact, facts.BanSet)]
    left_at = [each.offset for each in recorded if isinstance(each.fact, facts.SessionLeft)]
    assert len(left_at) == SESSIONS
    assert left_at[0] < banned_at < left_at[-1]


async def test_of_an_open_room_no_session_is_ended(app: Application) -> None:
    large, _ = await rooms_of(app)
    assert not await app.context.store.write(rooms.end_sessions, OPERATOR, large)
    found = await app.context.store.read(sessions.open_of_conversation, LARGE, 10_000)
    assert len(found) == SESSIONS
