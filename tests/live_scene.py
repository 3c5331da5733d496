"""Accounts in two workspaces and in chats, who follow them over ``/ws``, in this process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from application import Socket, in_process, reached, socket_scope
from team import DEFAULT, SECRET, Person, Town

from chatctl_server.actions import messages
from chatctl_server.app import Application
from chatctl_server.domain import account_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef

CLERK = events.Actor(None, "test")
LIMIT = 40


class Stream(Socket):
    """``/ws`` of an account."""

    def __init__(self, app: Application, token: str, since: int | None = None) -> None:
        query = f"access_token={token}" + ("" if since is None else f"&since={since}")
        super().__init__(app, socket_scope("/ws", query))

    async def got(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        await reached(lambda: len(self.named(name)) >= count)
        return self.named(name)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.frames if each["event"] == name]

    @property
    def stored(self) -> list[dict[str, Any]]:
        return [each for each in self.frames if "offset" in each]

    @property
    def texts(self) -> list[str]:
        return [each["content"] for each in self.named("NewMessage")]


class Scene:
    """anna, bert and carl are in workspace 0; the group is of anna and bert and of dora."""

    def __init__(self, path: Path) -> None:
        town = Town(path)
        self.other = town.workspace("other")
        self.anna, self.bert = (town.person(each, DEFAULT, self.other) for each in ("Anna", "Bert"))
        self.carl, self.dora = (town.person(each) for each in ("Carl", "Dora"))
        self.group = town.chat("group", "lunch", self.anna, self.bert, self.dora)
        self.elsewhere = town.chat("private", "away", self.anna, self.bert, workspace=self.other)
        self.without = town.chat("private", "secret", self.carl, self.dora)
        town.close()
        self._streams: list[Stream] = []

    def serve(self, app: Application, client: httpx.AsyncClient) -> "Scene":
        self.app, self.client, self.store = app, client, app.context.store
        return self

    async def follow(self, person: Person, since: int | None = None, token: str = "") -> "Stream":
        """Confirmed."""
        stream = Stream(self.app, token or person.token, since)
        self._streams.append(stream)
        await reached(lambda: stream.frames or stream.refused or stream.code)
        assert stream.refused is None, stream.refused
        return stream

    async def say(self, chat: ChatRef, person: Person, text: str) -> messages.Posted:
        user = f"u{person.id}"
        post = messages.Post(chat, CLERK, user, user, text, None)
        posted: messages.Posted = await self.store.write(messages.POST, post)
        return posted

    async def write(self, action: Callable[..., Any], *arguments: Any) -> Any:
        return await self.store.write(action, CLERK, *arguments)

    async def remove(self, ref: WorkspaceRef, person: Person) -> None:
        await self.write(_remove, ref, person)

    async def record(self, payload: events.Payload, about: ChatRef | None = None) -> events.Event:
        return await self.write(_record, payload, about)  # type: ignore[no-any-return]

    @property
    def newest(self) -> int:
        return self.app.context.hub.published

    async def close(self) -> None:
        for each in self._streams:
            await each.leave()


def _record(
    tx: Tx, actor: events.Actor, payload: events.Payload, about: ChatRef | None
) -> events.Event:
    return tx.record(payload, actor, about)


def _remove(tx: Tx, actor: events.Actor, ref: WorkspaceRef, person: Person) -> None:
    left = account_events.WorkspaceMemberLeft(ref.number, person.id)
    tx.record(left, actor, scope=ref.scope)


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Scene]:
    made = Scene(directory / "chat.db")
    settings = {
        "jwt_secret": (SECRET,),
        "resume_limit": LIMIT,
        "cors_origins": ("https://chat.example",),
    }
    async with in_process(directory, "server", **settings) as (app, client):
        yield made.serve(app, client)
        await made.close()
