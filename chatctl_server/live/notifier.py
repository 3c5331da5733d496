"""Wakes whoever waits for the next commit."""

import asyncio


class Notifier:
    """``wait`` returns at the first ``notify`` after the ``count`` that the caller has seen."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def notify(self) -> None:
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seen: int) -> None:
        if self.count == seen:
            await self._event.wait()

    async def notified_within(self, seen: int, seconds: float) -> bool:
        """Whether it is notified within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self.wait(seen)
        except TimeoutError:
            return False
        return True
