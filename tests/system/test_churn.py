"""Clients come, post, fall behind and go, rooms are made and closed, administrators act: what the
server needs for it does not grow. In the proof it goes on for 30 minutes, or CHATCTL_CHURN_SECONDS.
"""

import asyncio
import os
import random
import signal
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import proof
import pytest
from offline import HOST, Offline
from visitors import Visitor
from world import KEY, Room, Server, eventually

from chatctl_server.actions import messages
from chatctl_server.storage import client_ids

SECONDS = int(os.environ.get("CHATCTL_CHURN_SECONDS", proof.size(3, 1800)))
FIRST_SECONDS = proof.size(1, 20)
FIRST_POSTS = proof.size(4, 2 * client_ids.PARTS) * client_ids.STEP
WARM_UP = 1 / 3  # of the time: until caches and recent entries have the size that they keep
SAMPLES = 240
CROWD = 40  # at a time
ROOMS = 3  # that stay, and as many that come and go
USERS = 300
DEAF_SECONDS = proof.size(1, 20)
MOST_GROWTH = 1.0  # MB an hour
TEXT = "so many words as people write in a message to each other " * 4


class Sample(NamedTuple):
    """``memory`` in bytes, of which no file is the source. ``descriptors`` without those of the
    database, of which each reader's thread opens its own when it is first needed."""

    at: float
    memory: int
    descriptors: int


class Counted(Server):
    """A server whose tasks can be counted; see ``changed``."""

    def __init__(self, directory: Path, **settings: str) -> None:
        super().__init__(directory, program="census", **settings)
        self.http.headers["Connection"] = "close"  # none of the test's own is counted

    @property
    def proc(self) -> Path:
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}")

    def connections(self) -> int:
        """Those over TCP that are open, of clients and of requests."""
        lines = [line.split() for line in (self.proc / "net/tcp").read_text().splitlines()]
        port = f":{self.port:04X}"
        return sum(words[1].endswith(port) and words[3] == "01" for words in lines)

    def sample(self) -> Sample:
        lines = (self.proc / "status").read_text().splitlines()
        (memory,) = [int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")]
        return Sample(
            time.monotonic(), memory, sum(map(self._counts, (self.proc / "fd").iterdir()))
        )

    def _counts(self, descriptor: Path) -> bool:
        try:
            return not str(descriptor.readlink()).startswith(str(self.database))
        except FileNotFoundError:  # closed meanwhile
            return False

    def census(self) -> tuple[int, Counter[str]]:
        """How many connections are in memory, and its tasks by name, without their numbers."""
        noted = self.directory / "census"
        noted.unlink(missing_ok=True)
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR1)
        eventually(noted.exists)
        count, *names = noted.read_text().splitlines()
        return int(count), Counter(name.rstrip("0123456789") for name in names)

    def is_idle(self) -> bool:
        return self.connections() == 0


class Churn:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.lasting = [server.create_room(f"room {number}") for number in range(ROOMS)]
        self.passing: list[Room] = []
        self.closed: set[str] = set()
        self.done: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._chance = random.Random(5)
        self._away: list[Visitor] = []  # who may come back
        self._numbers = iter(range(10**9))

    async def run(self, seconds: float) -> None:
        """Everybody is gone afterwards, and only the rooms that stay are open."""
        end = time.monotonic() + seconds
        async with (
            httpx.AsyncClient(
                base_url=self.server.url, headers={"X-Api-Key": KEY}, timeout=30, trust_env=False
            ) as self._http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(CROWD):
                group.create_task(self._visit_until(end))
            group.create_task(self._administer_until(end))

    async def _visit_until(self, end: float) -> None:
        while time.monotonic() < end:
            is_deaf = self._chance.random() < 0.03
            visitor = self._deaf() if is_deaf else self._next()
            self.done["deaf" if is_deaf else "visits"] += 1
            try:
                if await visitor.come(4096 if is_deaf else None):
                    await (self._hear_nothing if is_deaf else self._stay)(visitor)
            finally:
                await visitor.vanish()
            self.codes[visitor.code or 0] += 1
            self.wrong += visitor.wrong
            visitor.wrong.clear()
            if not (is_deaf or visitor.room.id in self.closed):
                self._away.append(visitor)

    def _next(self) -> Visitor:
        """Most come back, to where they stopped."""
        if len(self._away) > USERS:
            return self._away.pop(self._chance.randrange(len(self._away)))
        number = next(self._numbers) % USERS
        return Visitor(self._chance.choice(self.lasting + self.passing), f"user-{number}")

    async def _stay(self, visitor: Visitor) -> None:
        chance = self._chance
        for _ in range(chance.randint(0, 5)):
            self.done["posts"] += 1
            visitor.say(TEXT[: chance.randint(1, len(TEXT))])
            await asyncio.sleep(chance.uniform(0, 0.5))
        if chance.random() < 0.5:
            await visitor.leave()

    def _deaf(self) -> Visitor:
        return Visitor(self._chance.choice(self.lasting), f"deaf-{next(self._numbers) % USERS}")

    async def _hear_nothing(self, visitor: Visitor) -> None:
        """Wants all that there is, and does not read it: some are dropped, others go before."""
        visitor.stop_reading()
        for _ in range(self._chance.choice((0, 200))):
            visitor.ask_history()
        await asyncio.sleep(self._chance.uniform(0, DEAF_SECONDS))

    async def _administer_until(self, end: float) -> None:
        acts = (self._ban, self._mute, self._kick, self._erase, self._look, self._make_and_close)
        while time.monotonic() < end:
            for act in acts:
                await act(self._chance.choice(self.lasting))
                await asyncio.sleep(0.1)
        while self.passing:
            await self._close(self.passing.pop())

    async def _ban(self, room: Room) -> None:
        user_id = f"user-{self._chance.randrange(USERS)}"
        await self._ask("PUT", f"{room.path}/bans/{user_id}")
        await asyncio.sleep(0.05)
        await self._ask("DELETE", f"{room.path}/bans/{user_id}")

    async def _mute(self, room: Room) -> None:
        user_id = f"user-{self._chance.randrange(USERS)}"
        await self._ask("PUT", f"{room.path}/mutes/{user_id}")
        await self._ask("DELETE", f"{room.path}/mutes/{user_id}")

    async def _kick(self, room: Room) -> None:
        for member in (await self._ask("GET", f"{room.path}/members"))[:2]:
            await self._ask("POST", f"{room.path}/kick/{member['user_id']}")

    async def _erase(self, room: Room) -> None:
        for message in (await self._ask("GET", f"{room.path}/messages"))[:1]:
            await self._ask("DELETE", f"{room.path}/messages/{message['message_id']}")

    async def _look(self, room: Room) -> None:
        await self._ask("GET", f"/management/sync/chat-history/{room.id}")
        await self._ask("GET", f"/management/sync/session-history/{room.id}")
        await self._ask("GET", "/management/events?limit=100&type=room.*")

    async def _make_and_close(self, _: Room) -> None:
        made = await self._ask("POST", "/management/rooms", {"room_name": "passing"})
        self.passing.append(Room(self.server, made["room_id"]))
        if len(self.passing) > ROOMS:
            await self._close(self.passing.pop(0))

    async def _close(self, room: Room) -> None:
        self.closed.add(room.id)
        self._away = [each for each in self._away if each.room is not room]
        await self._ask("DELETE", room.path)

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        self.done[f"{method} requests"] += 1
        answer = await self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


def _fill(path: Path) -> None:
    """With so many messages that no more of their client ids wait in memory than at any later time;
    the churn takes ten minutes to post them."""
    scene = Offline(path)
    room = scene.create_room("before")
    for start in range(0, FIRST_POSTS, client_ids.STEP):
        posts = (
            messages.Post(room, HOST, "ann", "ann", TEXT, f"c{number}")
            for number in range(start, start + client_ids.STEP)
        )
        scene.together(*((messages.POST, post) for post in posts))
    scene.close()


async def _sample_until(server: Counted, end: float) -> list[Sample]:
    samples: list[Sample] = []
    while time.monotonic() < end:
        await asyncio.sleep(SECONDS / SAMPLES)
        samples.append(server.sample())
    return samples


def _at_rest(server: Counted) -> tuple[int, Counter[str]]:
    """Descriptors and tasks when nobody is connected."""
    eventually(server.is_idle, seconds=60)
    return server.sample().descriptors, server.census()[1]


def growth(samples: list[Sample]) -> float:
    """Megabytes an hour, by least squares."""
    slope, _ = statistics.linear_regression(
        [each.at for each in samples], [each.memory for each in samples]
    )
    return slope * 3600 / 1e6


@pytest.mark.timeout(proof.time_limit())
async def test_what_the_server_needs_does_not_grow(tmp_path: Path) -> None:
    server = Counted(tmp_path)
    _fill(server.database)
    try:
        server.start()
        churn = Churn(server)
        await churn.run(FIRST_SECONDS)
        before = _at_rest(server)
        async with asyncio.TaskGroup() as group:
            sampling = group.create_task(_sample_until(server, time.monotonic() + SECONDS))
            group.create_task(churn.run(SECONDS))
        after = _at_rest(server)
    finally:
        server.close()
    samples = sampling.result()
    kept = samples[int(len(samples) * WARM_UP) :]
    _show(churn, samples, kept, before, after)
    assert churn.wrong == []
    assert after == before
    assert "Traceback" not in server.log.read_text()
    if proof.IS_LONG:
        assert growth(kept) <= MOST_GROWTH


@pytest.mark.usefixtures("transport")
async def test_who_has_gone_is_not_in_memory(tmp_path: Path) -> None:
    """Also before a full garbage collection, which is rare."""
    server = Counted(tmp_path)
    try:
        churn = Churn(server.start())
        await churn.run(2)
        eventually(server.is_idle)
        assert server.census()[0] < churn.done["visits"] / 10
    finally:
        server.close()


def _show(
    churn: Churn, samples: list[Sample], kept: list[Sample], before: object, after: object
) -> None:
    print(f"{SECONDS} s: {dict(churn.done)}, closed with {dict(churn.codes)}")
    tenths = [samples[len(samples) * part // 10 - 1].memory / 1e6 for part in range(1, 11)]
    print("MB after each tenth:", " ".join(f"{each:.1f}" for each in tenths))
    print(f"{growth(kept):+.2f} MB an hour after the first {WARM_UP:.0%}")
    print(f"at most {max(each.descriptors for each in samples)} descriptors; {before}, {after}")
