"""What was read and not taken yet."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from chatctl.client.events import Event

LIMIT = 10_000


class EventBuffer:
    """Its reader goes on while nobody takes anything, because answers come the same way. At the
    limit, what is new is dropped up to the next ``begin``; whoever has taken all the rest calls
    ``catch_up``, which is to begin another connection behind the last one that was not dropped."""

    def __init__(self, catch_up: Callable[[], None]) -> None:
        self._events: deque[Event[int]] = deque()
        self._changed = asyncio.Event()
        self._catch_up = catch_up
        self._is_full = False
        self._end: Exception | None = None

    def begin(self) -> None:
        """What comes now follows what was taken in."""
        self._is_full = False

    def put(self, event: Event[int]) -> bool:
        """Whether it was taken in."""
        self._is_full = self._is_full or len(self._events) >= LIMIT
        if not self._is_full:
            self._events.append(event)
            self._changed.set()
        return not self._is_full

    def end(self, error: Exception) -> None:
        self._end = error
        self._changed.set()

    async def take(self) -> AsyncIterator[Event[int]]:
        """Raises what ended it, behind the last one."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._end is not None:
                raise self._end
            if self._is_full:
                self._catch_up()
            self._changed.clear()
            await self._changed.wait()
