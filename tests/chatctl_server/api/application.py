"""The application in the test's own process, on a file database; tokens and pages of any."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
from world import KEY

from chatctl_server.api.faces import Faces
from chatctl_server.app import FACES, Application, Role, create_app
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store

SECRET = "a-secret-of-at-least-32-bytes-for-hs256"


@contextlib.asynccontextmanager
async def in_process(
    directory: Path, role: Role = "command", faces: Faces = FACES, **settings: Any
) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    path = directory / "chat.db"
    maintenance.migrate(path)
    app = create_app(
        Settings(database_url=f"sqlite:{path}", admin_api_key=(KEY,), **settings),
        role,
        faces=faces,
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.lifespan(),
        httpx.AsyncClient(
            transport=transport, base_url="http://here", headers={"X-Api-Key": KEY}
        ) as client,
    ):
        yield app, client


def pages(http: httpx.Client, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """Of a list, as its links lead through it."""
    answer = http.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    found = [answer.json()]
    return found + (pages(http, answer.links["next"]["url"]) if answer.links else [])


def token(user_id: str | None = "anna", secret: str = SECRET, **claims: Any) -> str:
    """That lets a user into rooms; a claim that is None is left out."""
    given = {"sub": user_id, "exp": int(time.time()) + 600, **claims}
    return jwt.encode({name: each for name, each in given.items() if each is not None}, secret)


def socket_scope(path: str, query: str = "", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [*headers],
        "client": ("127.0.0.1", 1),
        "extensions": {},
    }


class Socket:
    """A WebSocket to the application, spoken to as the server's protocol does."""

    def __init__(self, app: Application, scope: dict[str, Any]) -> None:
        self.raw: list[str] = []
        self.frames: list[dict[str, Any]] = []  # of the raw texts
        self.heard = 0
        self.refused: int | None = None  # the status
        self.code: int | None = None  # that it was closed with
        self.may_send = asyncio.Event()
        self.may_send.set()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.arrives("connect")
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    def arrives(self, name: str, **event: Any) -> None:
        self._events.put_nowait({"type": f"websocket.{name}", **event})

    async def leave(self) -> None:
        self.may_send.set()
        self.arrives("disconnect", code=1000)
        await asyncio.wait([self.task])

    async def _receive(self) -> dict[str, Any]:
        event = await self._events.get()
        self.heard += event["type"] == "websocket.receive"
        return event

    async def _send(self, event: Any) -> None:
        await self.may_send.wait()
        if event["type"] == "websocket.send":
            text = event.get("text") or event["bytes"].decode()
            self.raw.append(text)
            self.frames.append(json.loads(text))
        elif event["type"] == "websocket.http.response.start":
            self.refused = event["status"]
        elif event["type"] == "websocket.close":
            self.code = event["code"]


class Talker(Socket):
    """A user's WebSocket to a room."""

    def __init__(self, app: Application, room_id: str, user_id: str, query: str = "") -> None:
        super().__init__(app, socket_scope(f"/ws/rooms/{room_id}", f"user_id={user_id}{query}"))

    def sends(self, name: str, payload: dict[str, Any]) -> None:
        self.arrives("receive", text=json.dumps({"type": name, "payload": payload}))

    def say(self, text: str) -> None:
        self.sends("SendMessage", {"content": text, "client_msg_id": text})

    def named(self, name: str) -> list[dict[str, Any]]:
        return [each["payload"] for each in self.frames if each["type"] == name]

    async def got(self, name: str) -> dict[str, Any]:
        await reached(lambda: self.named(name))
        return self.named(name)[0]


class Lobby:
    """A room of a server in this process, of which ``boss`` is the admin."""

    def __init__(self, app: Application, client: httpx.AsyncClient, room_id: str) -> None:
        self.app, self.client, self.id = app, client, room_id
        self.path = f"/management/rooms/{room_id}"

    def dial(self, user_id: str, query: str = "") -> Talker:
        return Talker(self.app, self.id, user_id, query)

    async def join(self, user_id: str) -> Talker:
        found = self.dial(user_id)
        await found.got("WelcomeInfo")
        return found

    async def post(self, text: str) -> int:
        answer = await self.client.post(f"{self.path}/messages", json={"content": text})
        assert answer.status_code == 201
        return int(answer.json()["message_id"])


async def reached(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not check():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def held(of: Store) -> AsyncIterator[None]:
    """The writer does nothing meanwhile; what is asked of it waits."""
    begun, over = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        begun.set()
        over.wait(60)  # longer than anybody waits for what must not come meanwhile

    of.submit(hold, (), lambda _: None)
    try:
        await reached(begun.is_set)
        yield
    finally:
        over.set()
