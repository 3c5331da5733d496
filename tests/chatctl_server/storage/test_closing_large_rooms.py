"""A large room is closed in slices: nobody else waits for its end."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest
from offline import room
from world import KEY

from chatctl_server.actions import conversations, moderation, sessions
from chatctl_server.app import Application, create_app
from chatctl_server.domain import events
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import log, maintenance, room_sessions, rooms

OPERATOR = events.Actor(None, "test")
SESSIONS = 1_201
LARGE, SMALL = room(1), room(2)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    """A server without sockets, in whose large room 1,201 users are."""
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    app = create_app(Settings(database_url=f"sqlite:{path}", admin_api_key=(KEY,)), durable=False)
    async with app.lifespan():
        store = app.context.store
        for name in ("large", "small"):
            await store.write(conversations.create_room, OPERATOR, name, [])
        for number in range(SESSIONS - 1):
            arguments = (OPERATOR, LARGE, f"user-{number}", f"user-{number}")
            store.submit(sessions.join, arguments, lambda _: None)
        await store.write(sessions.join, OPERATOR, LARGE, "last", "last")
        await store.write(sessions.join, OPERATOR, SMALL, "anna", "anna")
        yield app


async def close_large(app: Application) -> None:
    large, _ = await app.context.store.read(rooms.page, 0, "all", None)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    headers = {"X-Api-Key": KEY}
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.delete(f"/management/rooms/{large.public_id}", headers=headers)
    assert answer.status_code == 204


async def test_its_sessions_end_in_several_calls_and_all_of_them(app: Application) -> None:
    store = app.context.store
    slices: list[int] = []
    heard = store.on_commit

    def hear(recorded: Sequence[events.Event]) -> None:
        slices.append(sum(isinstance(each.payload, events.SessionLeft) for each in recorded))
        heard(recorded)

    store.on_commit = hear
    await close_large(app)
    assert slices == [500, 500, 201]
    newest = await store.read(log.read_after, 0, 10_000)
    assert isinstance(newest[-1].payload, events.ConversationClosed)
    assert await store.read(room_sessions.open_of_room, LARGE, 10) == []
    assert len(await store.read(room_sessions.open_of_room, SMALL, 10)) == 1


async def test_another_call_goes_in_between(app: Application) -> None:
    store = app.context.store
    heard = store.on_commit
    bans: list[str] = []

    def hear(recorded: Sequence[events.Event]) -> None:
        if isinstance(recorded[0].payload, events.SessionLeft) and not bans:
            bans.append("carl")
            arguments = (OPERATOR, SMALL, "carl", None, None)
            store.submit(moderation.ban, arguments, lambda _: None, urgent=True)
        heard(recorded)

    store.on_commit = hear
    await close_large(app)
    recorded = await store.read(log.read_after, 0, 10_000)
    (banned_at,) = [each.offset for each in recorded if isinstance(each.payload, events.BanSet)]
    left_at = [each.offset for each in recorded if isinstance(each.payload, events.SessionLeft)]
    assert len(left_at) == SESSIONS
    assert left_at[0] < banned_at < left_at[-1]


async def test_of_a_small_room_none_ends_before_it_closes(app: Application) -> None:
    assert not await app.context.store.write(conversations.end_sessions, OPERATOR, SMALL)
    assert len(await app.context.store.read(room_sessions.open_of_room, SMALL, 10)) == 1
