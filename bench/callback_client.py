"""The client that sends callbacks, beside httpx: CPU for each request to the same local receiver.

python bench/callback_client.py [--requests 5000] [--at-once 16] [--repeat 3]
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import cast

import httptools
import httpx
import report
import served
import uvloop

from chatctl_server.workers.callbacks.http_client import HttpClient

BODY = (
    b'{"event_type":"UserJoined","room_id":"01930b5e-0000-7000-8000-000000000000",'
    b'"user_id":"alice","timestamp":1767225600}'
)
HEADERS = [
    ("Content-Type", "application/json"),
    ("X-Chatctl-Event", "user_joined"),
    ("webhook-id", "msg_01930b5e00007000800000000000abcd"),
    ("webhook-timestamp", "1767225600"),
    ("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
]
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: bench\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
SECONDS = 30.0
Post = Callable[[], Awaitable[int]]
Open = Callable[[str], contextlib.AbstractAsyncContextManager[Post]]


class Receiver(asyncio.Protocol):
    """Answers 200 to whatever is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(ANSWER)


async def receive() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """In a process of its own, whose CPU is not counted."""
    command = [sys.executable, str(Path(__file__)), "--receive"]
    with served.on_core(served.SERVER_CORE, command, stdout=PIPE) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.kill()


def ours(idle_seconds: float) -> Open:
    @contextlib.asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Post]:
        client = HttpClient(user_agent="chatctl/bench", idle_seconds=idle_seconds)

        async def post() -> int:
            return (await client.post(url, HEADERS, BODY, timeout_seconds=SECONDS)).status

        yield post
        await client.close()

    return opened


@contextlib.asynccontextmanager
async def httpxs(url: str) -> AsyncIterator[Post]:
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:

        async def post() -> int:
            return (await client.post(url, headers=HEADERS, content=BODY)).status_code

        yield post


async def measure(open_client: Open, url: str, requests: int, at_once: int) -> tuple[float, float]:
    """CPU in µs and time in seconds, for each request."""
    async with open_client(url) as post:

        async def work(share: Iterator[int]) -> None:
            for _ in share:
                assert await post() == 200

        await asyncio.gather(*(work(iter([0])) for _ in range(at_once)))  # connections
        numbers = iter(range(requests))
        began, spent = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work(numbers) for _ in range(at_once)))
        spent = time.process_time() - spent
        return spent / requests * 1e6, (time.perf_counter() - began) / requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=3, help="runs; the median is printed")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive:
        uvloop.run(receive())
        return
    report.machine()
    clients: dict[str, Open] = {
        "ours": ours(4.0),
        "httpx.AsyncClient": httpxs,
        "ours, a connection for each request": ours(0),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    with receiver() as url:
        os.sched_setaffinity(0, {served.LOAD_CORE})
        for _ in range(given.repeat):
            for name, open_client in clients.items():
                work = measure(open_client, url, given.requests, given.at_once)
                found[name].append(uvloop.run(work))
    for name, runs in found.items():
        report.median(f"{name}, CPU", [cpu for cpu, _ in runs], "µs per request")
        report.median(f"{name}", [1 / each for _, each in runs], "requests per second")
    middle = {name: statistics.median(cpu for cpu, _ in runs) for name, runs in found.items()}
    report.line("httpx, times ours", middle["httpx.AsyncClient"] / middle["ours"], "times")
    report.end()


if __name__ == "__main__":
    main()
