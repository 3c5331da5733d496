"""Another face needs no edit of the product: two scopes with equal numbers, two views of one event,
one stream over fifty conversations."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from application import Socket, in_process, reached, socket_scope
from second_face import DESK

from chatctl_server.actions import conversations, participants, scopes
from chatctl_server.app import FACES, Application
from chatctl_server.domain import events
from chatctl_server.domain.references import (
    ChatRef,
    ConversationRef,
    Kind,
    ScopeType,
    SupportRef,
)
from chatctl_server.storage import maintenance
from chatctl_server.storage.conversations import Conversation
from chatctl_server.storage.transaction import Tx

CLERK = events.Actor(None, "test")
COUNT = 50
WORKSPACE, SITE = "workspace:7", "site:7"
KINDS: dict[str, Kind] = {WORKSPACE: "group", SITE: "support"}


def token(user: str, desk: str = WORKSPACE) -> dict[str, str]:
    return {"X-Desk-Token": f"{user}@{desk}"}


class Stream(Socket):
    """A WebSocket of the face."""

    def __init__(self, app: Application, user: str, desk: str, query: str = "") -> None:
        shown = b"x-desk-token", f"{user}@{desk}".encode()
        super().__init__(app, socket_scope(f"/ws/desk/{user}", query, shown))

    async def until(self, offset: int) -> list[dict[str, Any]]:
        """All that it was told, once the event at that offset has come."""
        await reached(lambda: self.frames and self.frames[-1]["offset"] >= offset)
        return self.frames


def _furnish(tx: Tx, actor: events.Actor, desk: str) -> list[Conversation]:
    kind, _, number = desk.partition(":")
    scope = scopes.create(tx, actor, cast("ScopeType", kind), int(number))
    made = [conversations.create(tx, actor, KINDS[desk], scope, f"talk {n}") for n in range(COUNT)]
    for each in made:
        ref = cast("ChatRef | SupportRef", each.ref)
        participants.join(tx, actor, ref, "anna", "agent")
        participants.join(tx, actor, ref, "bert")
    return made


class Scene:
    def __init__(self, app: Application, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.refs: dict[str, list[ConversationRef]] = {}
        self.ids: dict[str, list[str]] = {}

    async def write(self, action: Any, *arguments: Any) -> Any:
        return await self.app.context.store.write(action, CLERK, *arguments)

    async def furnish(self, desk: str) -> None:
        """In one transaction: so many commits would take seconds."""
        made = await self.write(_furnish, desk)
        self.refs[desk] = [each.ref for each in made]
        self.ids[desk] = [each.public_id for each in made]

    async def say(self, desk: str, number: int, user: str, content: str) -> httpx.Response:
        return await self.client.post(
            f"/desk/{self.ids[desk][number]}/messages",
            json={"content": content, "client_msg_id": f"{number}-{content}"},
            headers=token(user, desk),
        )

    @property
    def newest(self) -> int:
        return self.app.context.hub.published


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with in_process(tmp_path, "server", faces=(*FACES, DESK)) as (app, client):
        found = Scene(app, client)
        await found.furnish(WORKSPACE)
        await found.furnish(SITE)
        yield found
    assert maintenance.check(tmp_path / "chat.db") == []
    assert maintenance.verify(tmp_path / "chat.db") == []


@contextlib.asynccontextmanager
async def streams(*opened: Stream) -> AsyncIterator[None]:
    await asyncio.sleep(0)
    try:
        yield
    finally:
        for each in opened:
            await each.leave()


async def test_a_stream_over_all_conversations_is_in_log_order_and_of_one_scope(
    scene: Scene,
) -> None:
    begin = scene.newest
    anna = Stream(scene.app, "anna", WORKSPACE, f"after={begin}")
    async with streams(anna):
        for number in range(COUNT):
            assert (await scene.say(WORKSPACE, number, "bert", "hello")).status_code == 201
            assert (await scene.say(SITE, number, "bert", "secret")).status_code == 201
        told = await anna.until(scene.newest - 1)
    offsets = [each["offset"] for each in told]
    assert offsets == sorted(set(offsets))
    assert [each["conversation"] for each in told] == [ref.id for ref in scene.refs[WORKSPACE]]
    assert {each["content"] for each in told} == {"hello"}


async def test_who_left_hears_nothing_until_they_are_back_live_and_on_resume(
    scene: Scene,
) -> None:
    begin = scene.newest
    left, kept = scene.refs[WORKSPACE][:2]
    live = Stream(scene.app, "bert", WORKSPACE)
    async with streams(live):
        await scene.say(WORKSPACE, 0, "anna", "before")
        await scene.write(participants.leave, left, "bert")
        await scene.say(WORKSPACE, 0, "anna", "while away")
        await scene.say(WORKSPACE, 1, "anna", "elsewhere")
        await scene.write(participants.join, left, "bert")
        await scene.say(WORKSPACE, 0, "anna", "back")
        told = await live.until(scene.newest)
    said = [(each["conversation"], each.get("content")) for each in told]
    assert said == [
        (left.id, "before"),
        (left.id, None),
        (kept.id, "elsewhere"),
        (left.id, None),
        (left.id, "back"),
    ]
    resumed = Stream(scene.app, "bert", WORKSPACE, f"after={begin}")
    async with streams(resumed):
        assert await resumed.until(scene.newest) == told


async def test_of_one_event_there_are_two_views(scene: Scene) -> None:
    begin = scene.newest
    await scene.say(WORKSPACE, 3, "bert", "hello")
    agent = Stream(scene.app, "anna", WORKSPACE, f"after={begin}")
    visitor = Stream(scene.app, "bert", WORKSPACE, f"after={begin}")
    async with streams(agent, visitor):
        seen = (await agent.until(scene.newest))[0]
        assert seen.pop("from") == "bert"
        assert await visitor.until(scene.newest) == [seen]
