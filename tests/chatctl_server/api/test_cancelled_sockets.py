"""A connection whose task is cancelled while it ends: it ends as cancelled, and nothing is left."""

import asyncio
from typing import Any

import pytest
from application import Lobby, Talker, reached

from chatctl_server.app import Application
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import replay


class Socket(Talker):
    """Its close is never written."""

    def __init__(self, lobby: Lobby, query: str = "") -> None:
        self.closing = asyncio.Event()
        super().__init__(lobby.app, lobby.id, "anna", query)

    async def _send(self, event: Any) -> None:
        if event["type"] == "websocket.close":
            self.closing.set()
            await asyncio.Event().wait()

    async def is_cancelled(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled()


def running(name: str) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


async def test_while_it_waits_for_its_resume(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def start(*_: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(lobby.app.context.store, "read_live", slow(lobby.app, start))
    socket = Socket(lobby, "&since=0")
    await begun.wait()
    (resume,) = running("resume")
    socket.arrives("disconnect", code=1000)
    while not resume.cancelling():
        await asyncio.sleep(0)
    await socket.is_cancelled()
    await reached(lambda: not running("resume") + running("outbox"))


def slow(app: Application, start: Any) -> Any:
    read = app.context.store.read_live

    async def read_live(query: Any, *arguments: Any) -> Any:
        return await (start() if query is replay.start else read(query, *arguments))

    return read_live


async def test_while_it_waits_for_its_last_frames(lobby: Lobby) -> None:
    presence, room = lobby.app.context.presence, RoomRef(1, ROOMS)
    socket = Socket(lobby)
    await reached(lambda: presence.current_users(room))
    await lobby.client.delete(lobby.path)
    await socket.closing.wait()
    socket.arrives("disconnect", code=1000)
    await reached(lambda: not presence.current_users(room))
    for _ in range(5):
        await asyncio.sleep(0)
    await socket.is_cancelled()
    await reached(lambda: not running("outbox"))
    assert presence.connections == 0
