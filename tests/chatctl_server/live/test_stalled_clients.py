"""A client that takes no byte for ten seconds is dropped; the transport and the clock are held."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lines import Line
from offline import room
from second_face import Listens
from world import PATIENCE_SECONDS

from chatctl_server.actions import conversations
from chatctl_server.app import Application, create_app
from chatctl_server.domain import events
from chatctl_server.live import wire
from chatctl_server.live.hub import Hub
from chatctl_server.live.subscriber import STALLED_SECONDS, Subscriber
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import maintenance

OPERATOR = events.Actor(None, "test")


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
async def subscriber(line: Line) -> Subscriber:
    """Looked at once, with a frame on its way."""
    subscriber = Hub().subscriber(line, "rooms")
    subscriber.write(b"hello")
    subscriber.drop_if_stalled(later(0))
    return subscriber


def later(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_who_takes_a_byte_has_ten_more_seconds(line: Line, subscriber: Subscriber) -> None:
    for turn in range(1, 4):
        line.unsent -= 1
        subscriber.drop_if_stalled(later(turn * (STALLED_SECONDS + 1)))
        assert not line.is_aborted
    subscriber.drop_if_stalled(later(3 * (STALLED_SECONDS + 1) + STALLED_SECONDS - 1))
    assert not line.is_aborted
    subscriber.drop_if_stalled(later(4 * (STALLED_SECONDS + 1)))
    assert line.is_aborted


async def test_who_is_sent_more_than_it_takes_is_not_stalled(
    line: Line, subscriber: Subscriber
) -> None:
    """What is unsent grows, and yet bytes leave."""
    subscriber.write(b"a hundred" * 12)
    line.unsent -= 3
    subscriber.drop_if_stalled(later(STALLED_SECONDS + 1))
    assert not line.is_aborted


async def test_a_close_that_is_not_taken_counts_as_well(line: Line) -> None:
    subscriber = Hub().subscriber(line, "rooms")
    subscriber.finish(4503)
    subscriber.drop_if_stalled(later(0))
    subscriber.drop_if_stalled(later(STALLED_SECONDS + 1))
    assert line.is_aborted


async def test_over_plain_asgi_the_application_is_done_with_it() -> None:
    async def hang(_: object = None) -> None:
        await asyncio.Event().wait()

    transport = AsgiWebSocket(hang, hang)
    subscriber = Hub().subscriber(transport, "rooms")
    subscriber.write(wire.text_frame(b"hello"))
    serving = asyncio.create_task(transport.serve(Listens()))
    await asyncio.sleep(0)
    subscriber.drop_if_stalled(later(0))
    subscriber.drop_if_stalled(later(STALLED_SECONDS + 1))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await serving
    assert transport.unsent_bytes() == 0


async def test_who_has_nothing_to_take_stays_and_is_not_stalled_by_what_was_before(
    line: Line, subscriber: Subscriber
) -> None:
    line.unsent = 0
    for turn in range(1, 4):
        subscriber.drop_if_stalled(later(turn * 1000 * STALLED_SECONDS))
    assert not line.is_aborted
    subscriber.write(b"more")
    subscriber.drop_if_stalled(later(3001 * STALLED_SECONDS))
    assert not line.is_aborted


class Socket:
    """A user's connection to the application, past the upgrade; its line takes the accept."""

    def __init__(self, app: Application, room_id: str, user_id: str) -> None:
        self.line = Line()
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_app.put_nowait({"type": "websocket.connect"})
        path = f"/ws/rooms/{room_id}"
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": path,
            "raw_path": path.encode(),
            "query_string": f"user_id={user_id}".encode(),
            "headers": [],
            "client": ("127.0.0.1", 1),
            "extensions": {"chatctl.websocket": self.line},
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        return await self._to_app.get()

    async def _send(self, event: Any) -> None:
        assert event["type"] == "websocket.accept"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    app = create_app(Settings(database_url=f"sqlite:{path}"), durable=False)
    async with app.lifespan():
        yield app


async def test_a_client_is_looked_at_also_when_it_was_thrown_out(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of its room it is at once; its connection must not stay for ever."""
    monkeypatch.setattr("chatctl_server.live.subscriber.STALLED_SECONDS", 0.1)
    context = app.context
    created = await context.store.write(conversations.create_room, OPERATOR, "lobby", [])
    socket = Socket(app, created.public_id, "anna")
    while not socket.line.unsent:
        await asyncio.sleep(0.01)
    (member,) = context.presence.members(room(1))
    app.broadcasters["rooms"].dismiss(member, "banned")
    assert context.presence.members(room(1)) == []
    await socket.line.gone.wait()
    await socket.task
    assert context.presence.connections == 0
