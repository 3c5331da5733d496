"""A connection whose task is cancelled while it ends: it ends as cancelled, and nothing is left."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from application import Talker, in_process, reached

from chatctl_server.app import Application
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import replay


class Socket(Talker):
    """Its close is never written."""

    def __init__(self, app: Application, room_id: str, query: str = "") -> None:
        self.closing = asyncio.Event()
        super().__init__(app, room_id, "anna", query)

    async def _send(self, event: Any) -> None:
        if event["type"] == "websocket.close":
            self.closing.set()
            await asyncio.Event().wait()


def running(name: str) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


async def test_while_it_waits_for_its_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        room = (await client.post("/management/rooms", json={"room_name": "lobby"})).json()
        begun = asyncio.Event()

        async def start(*_: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(app.context.store, "read_live", slow(app, start))
        socket = Socket(app, room["room_id"], "&since=0")
        await begun.wait()
        (resume,) = running("resume")
        socket.arrives("disconnect", code=1000)
        while not resume.cancelling():
            await asyncio.sleep(0)
        socket.task.cancel()
        await asyncio.wait([socket.task])
        assert socket.task.cancelled()
        await reached(lambda: not running("resume") + running("outbox"))


def slow(app: Application, start: Any) -> Any:
    read = app.context.store.read_live

    async def read_live(query: Any, *arguments: Any) -> Any:
        return await (start() if query is replay.start else read(query, *arguments))

    return read_live


async def test_while_it_waits_for_its_last_frames(tmp_path: Path) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        room = (await client.post("/management/rooms", json={"room_name": "lobby"})).json()
        socket = Socket(app, room["room_id"])
        await reached(lambda: app.context.presence.current_users(RoomRef(1, ROOMS)))
        await client.delete(f"/management/rooms/{room['room_id']}")
        await socket.closing.wait()
        socket.arrives("disconnect", code=1000)
        await reached(lambda: not app.context.presence.current_users(RoomRef(1, ROOMS)))
        for _ in range(5):
            await asyncio.sleep(0)
        socket.task.cancel()
        await asyncio.wait([socket.task])
        assert socket.task.cancelled()
        await reached(lambda: not running("outbox"))
        assert app.context.presence.connections == 0
