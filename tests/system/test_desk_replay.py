"""Replay yields every event once, though all have one time; and a consumer that is fed live and by
Replay at once has the state of REST in the end, over kills of the server and erasures."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk_scene
import httpx
import proof
import pytest
from desk_consumer import PATIENCE_SECONDS, REPLAY, Consumer, client
from desk_scene import Customer
from offline import HOST
from team import SETTINGS, Town
from world import Server, running

from chatctl_server.actions import support_messages
from chatctl_server.actions.support_messages import Draft

EVENTS = 10_000
A_BATCH = 250
STEPS = proof.size(250, 4_000)
KILLS = proof.size(2, 40)
SERVED = {**SETTINGS, "VISITOR_MESSAGES_PER_MINUTE": "0", "SUPPORT_ACCESS": "token"}


class Desk:
    """An agent, an admin and two customers with a conversation each."""

    def __init__(self, directory: Path) -> None:
        self.town = Town(directory / "chat.db")
        self.anna = self.town.person("Anna", role="agent")
        self.adam = self.town.person("Adam", role="admin")
        self.shop = desk_scene.site(self.town, "shop")
        self.bo, self.zoe = (
            desk_scene.customer(self.town, self.shop, each, "hello") for each in ("Bo", "Zoe")
        )


def events_of(server: Server, headers: dict[str, str], limit: int) -> list[str]:
    """A loop of since = next_since."""
    found: list[str] = []
    asked: dict[str, Any] = {"limit": limit}
    while True:
        page = server.http.get(REPLAY, params=asked, headers=headers).json()
        assert not page["gap"]
        if not page["events"]:
            assert not page["has_more"]
            return found
        found += [each["event_id"] for each in page["events"]]
        asked["since_event_id"] = page["next_since"]


@pytest.mark.timeout(proof.time_limit())
def test_ten_thousand_events_of_one_moment_come_once_each(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for first in range(0, EVENTS, A_BATCH):
        numbers = range(first, first + A_BATCH)
        drafts = [Draft(str(each)) for each in numbers]
        post = support_messages.post, HOST, desk.bo.person, desk.bo.ref
        desk.town.scene.together(*((*post, each) for each in drafts))
    desk.town.close()
    with running(tmp_path, **SERVED) as server:
        for headers, count, limit in (
            (desk.anna.headers, EVENTS + 4, 500),
            (desk.bo.headers, EVENTS + 2, 499),
        ):
            found = events_of(server, headers, limit)
            assert len(found) == len(set(found)) == count
            assert found == sorted(found)


class Talk:
    """Somebody at the desk does one thing after the other, each until it is answered."""

    def __init__(self, server: Server, desk: Desk, erased: set[str]) -> None:
        self.server, self.desk, self.erased = server, desk, erased
        self._chance = random.Random(1)
        self._said: list[tuple[Customer, str, str]] = []
        self._step = 0

    async def run(self) -> None:
        desk = self.desk
        async with contextlib.AsyncExitStack() as stack:
            self.anna, self.adam = [
                await stack.enter_async_context(client(self.server, each.headers))
                for each in (desk.anna, desk.adam)
            ]
            self.visitors = {
                each.id: await stack.enter_async_context(client(self.server, each.headers))
                for each in (desk.bo, desk.zoe)
            }
            for self._step in range(STEPS):
                await self._do()

    async def _do(self) -> None:
        customer = self._chance.choice((self.desk.bo, self.desk.zoe))
        visitor = self.visitors[customer.id]
        path = f"/api/conversations/{customer.id}"
        match self._chance.randrange(10):
            case 0:
                await self._ask(self.anna, "PUT", f"{path}/status", {"status": "closed"})
            case 1:
                await self._ask(self.anna, "PUT", f"{path}/status", {"status": "open"})
            case 2 | 3 if self._said:
                await self._change()
            case 4:
                await self._say(customer, self.anna, is_private=True)
            case 5:
                await self._say(customer, self.anna)
            case _:
                await self._say(customer, visitor)

    async def _say(self, customer: Customer, who: httpx.AsyncClient, **more: Any) -> None:
        text = f"text {self._step}."
        body = {"content": text, "client_msg_id": str(self._step), **more}
        path = f"/api/conversations/{customer.id}/messages"
        answer = await self._ask(who, "POST", path, body)
        if answer.is_success:
            self._said.append((customer, answer.json()["id"], text))

    async def _change(self) -> None:
        """By the admin; what is gone is gone."""
        customer, message_id, text = self._chance.choice(self._said[-20:])
        path = f"/api/conversations/{customer.id}/messages/{message_id}"
        match self._chance.randrange(3):
            case 0:
                await self._ask(self.adam, "PUT", path, {"content": f"{text} edited {self._step}."})
            case 1:
                await self._ask(self.adam, "DELETE", path)
            case _:
                answer = await self._ask(self.adam, "DELETE", f"{path}?hard=true")
                if answer.status_code == 204:
                    self.erased.add(text)

    async def _ask(
        self, who: httpx.AsyncClient, method: str, path: str, body: Any = None
    ) -> httpx.Response:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await who.request(method, path, json=body)
                if answer.status_code < 500:
                    assert answer.status_code in (200, 201, 204, 404, 409), answer.text
                    return answer
            await asyncio.sleep(0.02)


async def until(check: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not check():
            await asyncio.sleep(0.02)


async def kill(server: Server, consumer: Consumer) -> None:
    """When some of it was told."""
    for number in range(1, KILLS + 1):
        part = STEPS * number // (2 * KILLS)
        await until(lambda part=part: consumer.new >= part)
        await asyncio.to_thread(server.kill)
        server.spawn()


@contextlib.asynccontextmanager
async def consuming(*consumers: Consumer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in consumers]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        for each in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await each


async def rest(http: httpx.AsyncClient) -> tuple[dict[str, str], dict[str, str]]:
    """All messages, and the status of each conversation."""
    messages: dict[str, str] = {}
    listed = (await http.get("/api/conversations")).json()
    for each in listed:
        url: str | None = f"/api/conversations/{each['id']}/messages?limit=100"
        while url is not None:
            answer = await http.get(url)
            messages |= {said["id"]: said["content"] for said in answer.json()}
            url = answer.links.get("next", {}).get("url")
    return messages, {each["id"]: each["status"] for each in listed}


@pytest.mark.timeout(proof.time_limit(180))
async def test_a_consumer_ends_with_the_state_of_rest(tmp_path: Path) -> None:
    desk, erased = Desk(tmp_path), set[str]()
    desk.town.close()
    with running(tmp_path, **SERVED) as server:
        consumers = [Consumer(server, each.headers, erased) for each in (desk.anna, desk.bo)]
        async with consuming(*consumers):
            await asyncio.gather(Talk(server, desk, erased).run(), kill(server, consumers[0]))
            for each in consumers:
                async with client(server, each.headers) as http:
                    newest = (await http.get(REPLAY, params={"type": "none"})).json()["next_since"]
                    await until(lambda each=each, newest=newest: each.since == newest)
                    messages, statuses = await rest(http)
                assert each.messages == messages
                assert each.statuses == statuses
                assert each.wrong == []
                assert each.taken > each.new, "it was fed once only"
        assert erased
        assert server.chatctl("db", "check").returncode == 0
        assert "Traceback" not in server.log.read_text()
        print(f"{STEPS} steps, {KILLS} kills, {len(erased)} erasures, {len(messages)} messages")
