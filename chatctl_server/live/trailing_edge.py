"""What is told at the end of a second, as it is then, however often it has changed meanwhile."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

SECONDS = 1.0
K = TypeVar("K", bound=Hashable)


class TrailingEdge(Generic[K]):
    """Of each key the first change that was not told yet starts the second."""

    def __init__(self) -> None:
        self._due: dict[K, asyncio.TimerHandle] = {}
        self._is_stopped = False

    def changed(self, key: K, tell: Callable[[K], None]) -> None:
        if key not in self._due and not self._is_stopped:
            loop = asyncio.get_running_loop()
            self._due[key] = loop.call_later(SECONDS, self._end, key, tell)

    def is_due(self, key: K) -> bool:
        return key in self._due

    def stop(self) -> None:
        """Nothing is told any more."""
        self._is_stopped = True
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()

    def _end(self, key: K, tell: Callable[[K], None]) -> None:
        del self._due[key]
        tell(key)
