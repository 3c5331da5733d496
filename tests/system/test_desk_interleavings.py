"""A customer's message, an agent's close and a second agent's answer at the same moment end as some
order of the three would: the status, the messages, the envelopes, and each answer."""

import asyncio
import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any, Literal, NamedTuple

import desk_scene
import httpx
import proof
import pytest
from desk_consumer import REPLAY, client
from team import SETTINGS, Town
from world import running

TIMES = proof.size(50, 1_000)
APART_SECONDS = 0.004  # at most, between the first and the last one
SERVED = {**SETTINGS, "VISITOR_MESSAGES_PER_MINUTE": "0", "SUPPORT_ACCESS": "token"}
Act = Literal["message", "close", "answer"]
ACTS: tuple[Act, ...] = ("message", "close", "answer")


class Outcome(NamedTuple):
    """``answers``: the statuses of HTTP, in the order of ``ACTS``."""

    status: str
    messages: tuple[str, ...]
    envelopes: tuple[str, ...]
    answers: tuple[int, ...]


def ended(status: str, order: tuple[Act, ...]) -> Outcome:
    """What the contract says of the three one after the other."""
    messages, envelopes, answers = [], [], {}
    for act in order:
        answers[act] = 409
        if act == "close" and status == "open":
            status, answers[act] = "closed", 200
            envelopes.append("conversation_closed")
        elif act == "message" or (act == "answer" and status == "open"):
            if status == "closed":
                status = "open"
                envelopes.append("conversation_reopened")
            answers[act] = 201
            messages.append(act)
            envelopes.append("message_appended")
    found = tuple(answers[each] for each in ACTS)
    return Outcome(status, tuple(messages), tuple(envelopes), found)


class Three:
    """A visitor and two agents, each with a connection of their own."""

    def __init__(self, visitor: httpx.AsyncClient, anna: httpx.AsyncClient, bert: Any) -> None:
        self.visitor, self.anna, self.bert = visitor, anna, bert
        self._chance = random.Random(1)

    async def begin(self, status: str) -> str:
        """Where: their conversation, which is in that state."""
        chat = (await self.visitor.post("/api/conversations")).json()["id"]
        path = f"/api/conversations/{chat}"
        if status == "closed":
            (await self.anna.put(f"{path}/status", json={"status": "closed"})).raise_for_status()
        return path

    async def act(self, path: str) -> tuple[int, ...]:
        answers = await asyncio.gather(*(self._one(path, each) for each in ACTS))
        return tuple(each.status_code for each in answers)

    async def _one(self, path: str, act: Act) -> httpx.Response:
        await asyncio.sleep(self._chance.random() * APART_SECONDS)
        match act:
            case "message":
                return await self.visitor.post(f"{path}/messages", json={"content": act})
            case "close":
                return await self.anna.put(f"{path}/status", json={"status": "closed"})
            case "answer":
                return await self.bert.post(f"{path}/messages", json={"content": act})

    async def outcome(self, path: str, since: str, answers: tuple[int, ...]) -> Outcome:
        status = (await self.anna.get(path)).json()["status"]
        asked = {"since_event_id": since, "limit": "500"}
        events = (await self.anna.get(REPLAY, params=asked)).json()["events"]
        said = [each["data"]["message"]["content"] for each in events if "message" in each["data"]]
        stored = (await self.anna.get(f"{path}/messages?limit={len(said)}")).json()
        assert [each["content"] for each in reversed(stored)] == said
        names = tuple(each["type"].removeprefix("domain.event.") for each in events)
        return Outcome(status, tuple(said), names, answers)

    async def newest(self) -> str:
        found: str = (await self.anna.get(REPLAY, params={"type": "none"})).json()["next_since"]
        return found


@pytest.mark.timeout(proof.time_limit())
async def test_three_at_once_end_as_some_order_of_them(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    people = [town.person(each, role="agent") for each in ("Anna", "Bert")]
    bo = desk_scene.customer(town, desk_scene.site(town, "shop"), "Bo")
    town.close()
    allowed = {
        status: {ended(status, order) for order in itertools.permutations(ACTS)}
        for status in ("open", "closed")
    }
    met: Counter[Outcome] = Counter()
    with running(tmp_path, **SERVED) as server:
        async with (
            client(server, bo.headers) as visitor,
            client(server, people[0].headers) as anna,
            client(server, people[1].headers) as bert,
        ):
            three = Three(visitor, anna, bert)
            for number in range(TIMES):
                status = ("closed", "open")[number % 2]
                path = await three.begin(status)
                since = await three.newest()
                outcome = await three.outcome(path, since, await three.act(path))
                assert outcome in allowed[status], status
                met[outcome] += 1
        assert server.chatctl("db", "check").returncode == 0
    print(f"{TIMES} times, {len(met)} outcomes: {dict(met)}")
    assert len(met) > 3, "they were not at once"
