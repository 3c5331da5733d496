"""Users of a chat service over HTTP, each with a connection of its own that stays open."""

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import served

LOOP_LAG = Path(__file__).with_name("loop_lag.py")
TEXT = "the quick brown fox jumps over the lazy dog and keeps running on, all right? 01234567"


class Service(NamedTuple):
    """``tokens`` are by user; of ``chats`` each one has its users, by their place in ``tokens``."""

    port: int
    pid: int
    tokens: Sequence[str]
    chats: dict[int, Sequence[int]]

    def seats(self) -> Iterator[tuple[str, int]]:
        """Each user's token with one of their chats."""
        for chat, users in self.chats.items():
            for user in users:
                yield self.tokens[user], chat


class Browser:
    """A user's connection, from an address of this machine. ``ask`` is one request and its
    answer."""

    def __init__(self, port: int, token: str, address: str = "127.0.0.1") -> None:
        self._port = port
        self._address = address
        self._head = f"host: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body."""
        reader, writer = await self._open()
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._head}content-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        size = answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return int(answer[9:12]), await reader.readexactly(int(size))

    async def follow(self, path: str) -> asyncio.StreamReader | None:
        """A stream of events; None when there is none at that path."""
        reader, writer = await self._open()
        writer.write(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        return reader if answer[9:12] == b"200" else None

    async def post(self, chat: int, content: str, key: str) -> None:
        body = {"content": content, "idempotency_key": key}
        status, answer = await self.ask("POST", f"/api/chats/{chat}/messages", body)
        if status != 201:
            raise RuntimeError(f"{status}: {answer.decode()}")

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            source = (self._address, 0)
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=source
            )
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


_keys = (f"key-{number:012d}-{random.getrandbits(32):08x}" for number in itertools.count())


async def at_full_speed(service: Service, users: int, posts: int) -> tuple[float, float]:
    """So many users, each of whom posts again when the answer is there. Posts a CPU second of the
    server, and a second."""
    seats = list(itertools.islice(service.seats(), users))
    browsers = [(Browser(service.port, token), chat) for token, chat in seats]

    async def talk(browser: Browser, chat: int, count: int) -> None:
        for _ in range(count):
            await browser.post(chat, TEXT, next(_keys))

    async def everybody(count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for browser, chat in browsers:
                group.create_task(talk(browser, chat, count // users))

    await everybody(max(users, posts // 5))
    cpu, began = served.cpu_seconds_of(service.pid), time.perf_counter()
    await everybody(posts)
    spent, passed = served.cpu_seconds_of(service.pid) - cpu, time.perf_counter() - began
    for browser, _ in browsers:
        browser.close()
    return posts / spent, posts / passed


class Talk:
    """All users, each of whom posts ``a_minute`` times a minute and follows what is said.

    ``sent``: how long each post took. ``arrived``: how long each event took to each follower, from
    the moment at which the post was sent; empty where there are no streams.
    """

    def __init__(self, service: Service, a_minute: float) -> None:
        self._service = service
        self._pause = 60 / a_minute
        self.sent: list[float] = []
        self.arrived: list[float] = []

    async def run(self, seconds: float) -> None:
        seats = list(self._service.seats())
        followers = [asyncio.create_task(self._follow(token)) for token, _ in seats]
        async with asyncio.TaskGroup() as group:
            for token, chat in seats:
                group.create_task(self._say(token, chat, time.perf_counter() + seconds))
        for each in followers:
            each.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    async def _say(self, token: str, chat: int, until: float) -> None:
        browser = Browser(self._service.port, token)
        due = time.perf_counter() + random.random() * self._pause
        while due < until:
            await asyncio.sleep(due - time.perf_counter())
            began = time.perf_counter()
            await browser.post(chat, f"{began:.6f} {TEXT}", next(_keys))
            self.sent.append(time.perf_counter() - began)
            due += self._pause
        browser.close()

    async def _follow(self, token: str) -> None:
        browser = Browser(self._service.port, token)
        stream = await browser.follow("/events")
        if stream is None:
            return
        while line := await stream.readline():
            if b"NewMessage" in line and line.startswith(b"data:"):
                content = json.loads(line[5:])["content"]
                self.arrived.append(time.perf_counter() - float(content.partition(" ")[0]))


async def answer_times(browser: Browser, path: str, count: int) -> list[float] | None:
    """Seconds of each answer; None when there is nothing at that path."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        status, _ = await browser.ask("GET", path)
        if status in (404, 405):
            return None
        found.append(time.perf_counter() - began)
    return found


class Guesses:
    """Wrong sign-ins, so many a second, over so many accounts, each over a connection of its own
    from one of 10 addresses: one alone is soon told to wait, before anything is hashed.
    ``answers``: how many had which status within the time."""

    def __init__(self, port: int, a_second: int, accounts: int) -> None:
        self._pause = 1 / a_second
        addresses = itertools.cycle(f"127.0.1.{each + 1}" for each in range(10))
        self._browsers = [Browser(port, "none", next(addresses)) for _ in range(accounts)]
        self._waiting = [asyncio.Lock() for _ in range(accounts)]
        self.answers: dict[int, int] = {}

    async def run(self, seconds: float) -> None:
        began = time.perf_counter()
        guesses = []
        for number in range(int(seconds / self._pause)):
            await asyncio.sleep(max(0.0, began + number * self._pause - time.perf_counter()))
            guesses.append(asyncio.create_task(self._guess(number % len(self._browsers))))
        for each in guesses:
            each.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)
        for each in self._browsers:
            each.close()

    async def _guess(self, account: int) -> None:
        body = {"email": f"user{account}@example.org", "password": "not this one"}
        async with self._waiting[account]:
            status, _ = await self._browsers[account].ask("POST", "/api/signin", body)
        self.answers[status] = self.answers.get(status, 0) + 1


async def sign_in_seconds(port: int, email: str, password: str) -> float:
    """Of a right one, from an address that has not guessed."""
    browser = Browser(port, "none", "127.0.2.1")
    began = time.perf_counter()
    status, answer = await browser.ask(
        "POST", "/api/signin", {"email": email, "password": password}
    )
    browser.close()
    if status != 200:
        raise RuntimeError(f"{status}: {answer.decode()}")
    return time.perf_counter() - began


async def lags(service: Service, seconds: float) -> list[float]:
    """How late the loop came to a ping each hundredth of a second. From a process of its own, which
    waits for nothing else."""
    url = f"ws://127.0.0.1:{service.port}/ws?access_token={service.tokens[0]}"
    command = sys.executable, str(LOOP_LAG), url, str(seconds)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    found, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{LOOP_LAG.name} ended with {process.returncode}")
    return [float(each) for each in found.split()]
