"""A stream that is read by a task, for who takes what it yields one by one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Generic

from chatctl.client.events import Event, Id

LIMIT = 1000


class Feed(Generic[Id]):
    """From the first that takes something on, until ``close``. A program that leaves its loop with
    ``break`` leaves nothing open: the connection is the task's. When ``LIMIT`` events wait it
    reads no further, and the server does with it as with any slow client."""

    def __init__(self, read: Callable[[], AsyncGenerator[Event[Id], None]]) -> None:
        self._read = read
        self._events: asyncio.Queue[Event[Id] | None] = asyncio.Queue(LIMIT)
        self._end: Exception | None = None
        self._reading: asyncio.Task[None] | None = None

    async def take(self) -> AsyncIterator[Event[Id]]:
        """Raises what ended it, behind the last one."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._fill(), name="feed")
        while True:
            if self._end is not None and self._events.empty():
                raise self._end
            event = await self._events.get()
            if event is not None:
                yield event

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))

    async def _fill(self) -> None:
        try:
            async with aclosing(self._read()) as found:
                async for event in found:
                    await self._events.put(event)
        except Exception as error:  # whoever takes is told
            self._end = error
            await self._events.put(None)
