"""A client that takes no byte for ten seconds is dropped; the transport and the clock are held."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from offline import room

from chatctl_server.actions import conversations
from chatctl_server.app import Application, create_app
from chatctl_server.domain import events
from chatctl_server.live.outbox import STALLED_SECONDS, Outbox
from chatctl_server.live.presence import Limits, Presence
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import maintenance

OPERATOR = events.Actor(None, "test")


class Line:
    """A transport that takes ``open_for`` frames and then no more; it is also the extension
    ``chatctl.control`` of a socket's scope."""

    def __init__(self, open_for: int = 0) -> None:
        self.unsent = 1000
        self.is_aborted = False
        self.is_stuck = asyncio.Event()
        self._open_for = open_for
        self._gone = asyncio.Event()

    async def send(self, _: object) -> None:
        if self._open_for:
            self._open_for -= 1
            return
        self.is_stuck.set()
        await self._gone.wait()
        raise OSError("the connection is gone")

    def abort(self) -> None:
        self.is_aborted = True
        self._gone.set()

    def unsent_bytes(self) -> int:
        return self.unsent


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
async def outbox(line: Line) -> AsyncIterator[Outbox]:
    """In the middle of sending."""
    outbox = Outbox(line.send, line.send, line.abort, line.unsent_bytes)
    sending = asyncio.create_task(outbox.run())
    outbox.push(b"hello")
    await line.is_stuck.wait()
    yield outbox
    line.abort()
    await sending


def later(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_ten_seconds_without_a_byte(line: Line, outbox: Outbox) -> None:
    outbox.drop_if_stalled(later(STALLED_SECONDS - 1))
    assert not line.is_aborted
    outbox.drop_if_stalled(later(STALLED_SECONDS + 1))
    assert line.is_aborted


async def test_who_takes_a_byte_has_ten_more_seconds(line: Line, outbox: Outbox) -> None:
    for turn in range(1, 4):
        line.unsent -= 1
        outbox.drop_if_stalled(later(turn * (STALLED_SECONDS + 1)))
        assert not line.is_aborted
    outbox.drop_if_stalled(later(3 * (STALLED_SECONDS + 1) + STALLED_SECONDS - 1))
    assert not line.is_aborted
    outbox.drop_if_stalled(later(4 * (STALLED_SECONDS + 1)))
    assert line.is_aborted


async def test_who_has_nothing_to_take_stays() -> None:
    line = Line(open_for=1)
    outbox = Outbox(line.send, line.send, line.abort, line.unsent_bytes)
    sending = asyncio.create_task(outbox.run())
    outbox.push(b"hello")
    await outbox.drained()
    outbox.drop_if_stalled(later(1000 * STALLED_SECONDS))
    assert not line.is_aborted
    sending.cancel()


async def test_a_close_that_is_not_taken_counts_as_well() -> None:
    line = Line()
    outbox = Outbox(line.send, line.send, line.abort, line.unsent_bytes)
    outbox.finish(4503)
    sending = asyncio.create_task(outbox.run())
    await line.is_stuck.wait()
    outbox.drop_if_stalled(later(STALLED_SECONDS + 1))
    assert line.is_aborted
    await sending


async def test_presence_looks_at_whom_it_watches(line: Line, outbox: Outbox) -> None:
    presence = Presence(Limits(10))
    presence.watch(outbox)
    presence.unwatch(outbox)
    presence.drop_stalled(later(STALLED_SECONDS + 1))
    assert not line.is_aborted
    presence.watch(outbox)
    presence.drop_stalled(later(STALLED_SECONDS + 1))
    assert line.is_aborted


class Socket:
    """A user's connection to the application, past the upgrade; its line takes the accept."""

    def __init__(self, app: Application, room_id: str, user_id: str) -> None:
        self.line = Line(open_for=1)
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
            "extensions": {"chatctl.control": self.line},
        }
        self.task = asyncio.create_task(app(scope, self._receive, self.line.send))

    async def _receive(self) -> dict[str, Any]:
        return await self._to_app.get()

    async def gone(self) -> None:
        """As the protocol does after ``abort``."""
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await self.task


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=False)
    app = create_app(Settings(database_url=f"sqlite:{path}"), durable=False)
    async with app.lifespan():
        yield app


async def test_a_client_is_looked_at_also_when_it_was_thrown_out(app: Application) -> None:
    """Out of its room it is at once; its connection must not stay for ever."""
    context = app.context
    created = await context.store.write(conversations.create_room, OPERATOR, "lobby", [])
    socket = Socket(app, created.public_id, "anna")
    await socket.line.is_stuck.wait()
    (member,) = context.presence.members(room(1))
    app.broadcasters["rooms"].dismiss(member, "banned")
    assert context.presence.members(room(1)) == []
    context.presence.drop_stalled(later(STALLED_SECONDS + 1))
    assert socket.line.is_aborted
    await socket.gone()
    assert context.presence.connections == 0
