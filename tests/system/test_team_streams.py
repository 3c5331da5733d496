"""Streams over many chats while people talk, connections break and the server is killed: no gap, no
repeat, offsets only grow; and whoever is removed hears nothing later."""

import asyncio
import itertools
import random
from pathlib import Path

import httpx
import proof
import pytest
from listeners import AccountListener
from team import SETTINGS, Person, Town
from world import Server, running

PEOPLE = proof.size(8, 100)
TABS = proof.size(2, 10)
CHATS = proof.size(8, 50)
RECONNECTS = proof.size(20, 200)
KILLS = proof.size(1, 5)
POSTS = proof.size(200, 2000)


class Scene:
    """Everybody is in every chat."""

    def __init__(self, directory: Path) -> None:
        town = Town(directory / "chat.db")
        self.people = [town.person(f"Person{number}") for number in range(PEOPLE)]
        self.chats = [
            town.chat("private", f"chat {number}", *self.people).id for number in range(CHATS)
        ]
        town.close()

    def listen(self, server: Server) -> list[AccountListener]:
        return [AccountListener(server, each) for each in self.people for _ in range(TABS)]


async def post(server: Server, person: Person, chats: list[int]) -> dict[int, int]:
    """Of each chat the last message; each is sent until it is answered, also over a kill."""
    last: dict[int, int] = {}
    async with httpx.AsyncClient(
        base_url=server.url, headers=person.headers, trust_env=False, timeout=30
    ) as client:
        for number, chat in zip(range(POSTS), itertools.cycle(chats), strict=False):
            body = {"content": f"text {number}", "idempotency_key": str(number)}
            while True:
                try:
                    answer = await client.post(f"/api/chat/{chat}/messages", json=body)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 201:
                    break
            last[chat] = answer.json()["seq"]
    return last


async def lose_connections(listeners: list[AccountListener]) -> None:
    chance = random.Random(1)
    for _ in range(RECONNECTS):
        listener = chance.choice(listeners)
        goal = max(listener.seqs.values(), default=0) + chance.randint(0, 2)
        await listener.reaches(
            lambda each=listener, goal=goal: (
                each.is_gone or max(each.seqs.values(), default=0) >= min(goal, POSTS // CHATS)
            )
        )
        await listener.vanish()
        await listener.come()


async def kill(server: Server, listeners: list[AccountListener]) -> None:
    """When some of it was told; all come back with what they have."""
    for number in range(1, KILLS + 1):
        part = POSTS // CHATS * number // (KILLS + 1)
        await listeners[0].reaches(
            lambda part=part: max(listeners[0].seqs.values(), default=0) >= part
        )
        await asyncio.to_thread(server.kill)
        server.spawn()
        await asyncio.gather(*(each.vanish() for each in listeners))
        await asyncio.gather(*(each.come() for each in listeners))


@pytest.mark.timeout(proof.time_limit(180))
async def test_no_gap_and_no_repeat_over_reconnects_and_kills(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with running(tmp_path, **SETTINGS, RESUME_LIMIT="1000000") as server:
        listeners = scene.listen(server)
        await asyncio.gather(*(each.come() for each in listeners))
        posting = asyncio.create_task(post(server, scene.people[0], scene.chats))
        await kill(server, listeners)
        await lose_connections(listeners)
        last = await posting
        for each in listeners:
            if each.is_gone:
                await each.come()
            await each.reaches(lambda each=each: each.seqs == last or each.wrong)
        assert [each.wrong for each in listeners] == [[]] * len(listeners)
        assert [each.seqs for each in listeners] == [last] * len(listeners)
        assert "Traceback" not in server.log.read_text()
        print(f"{len(listeners)} streams, {RECONNECTS} reconnects, {KILLS} kills, {POSTS} messages")
        for each in listeners:
            await each.vanish()


@pytest.mark.timeout(proof.time_limit(120))
async def test_who_is_removed_hears_nothing_later(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    owner, removed = scene.people[:2]
    chat = scene.chats[0]
    with running(tmp_path, **SETTINGS) as server:
        listeners = [AccountListener(server, each) for each in (owner, removed)]
        for each in listeners:
            await each.come()
        begin = listeners[1].last_id
        posting = asyncio.create_task(post(server, owner, scene.chats))
        await listeners[1].reaches(lambda: listeners[1].seqs.get(chat, 0) >= 3)
        async with httpx.AsyncClient(
            base_url=server.url, headers=owner.headers, trust_env=False
        ) as client:
            answer = await client.delete(f"/api/chat/{chat}/members/{removed.id}")
        assert answer.status_code == 204
        last = await posting
        resumed = AccountListener(server, removed)
        resumed.last_id = begin
        await resumed.come()
        others = {each: seq for each, seq in last.items() if each != chat}
        for each in (listeners[1], resumed):
            await each.reaches(
                lambda each=each: {key: each.seqs.get(key) for key in others} == others
            )
            assert (each.wrong, each.left) == ([], {chat})
        assert listeners[1].seqs == resumed.seqs
        assert resumed.seqs[chat] < last[chat]
        for each in (*listeners, resumed):
            await each.vanish()
