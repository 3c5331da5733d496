"""Messages that flow while their server is killed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from world import PATIENCE_SECONDS, Server

from chatctl.client import Event

COUNT = 200
LAST = "the end"
TEXTS = [*(f"message {number}" for number in range(COUNT)), LAST]


async def through_kills(server: Server, send: Callable[[str], Awaitable[int]]) -> list[int]:
    """Sends TEXTS while the server is killed three times, the last one behind the third kill; what
    ``send`` says of each."""

    async def talk() -> list[int]:
        sent = []
        for text in TEXTS[:-1]:
            sent.append(await send(text))
            await asyncio.sleep(0.01)
        return sent

    talking = asyncio.create_task(talk())
    for _ in range(3):
        await asyncio.sleep(0.3)
        assert not talking.done()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    return [*await talking, await send(LAST)]


async def texts(events: AsyncIterator[Event], name: str, last: str = LAST) -> list[str]:
    """Of the events of that name, up to that text."""
    found: list[str] = []
    async with asyncio.timeout(60):
        async for event in events:
            if event.type == name:
                found.append(event.data["content"])
                if found[-1] == last:
                    break
    return found


async def next_of(events: AsyncIterator[Event], name: str) -> Event:
    """Others before it are passed over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in events:
            if event.type == name:
                return event
    raise AssertionError(name)
