"""Who is typing where, in memory: it ends by itself when nobody says that it goes on."""

import asyncio
from collections.abc import Callable, Hashable

TYPING_SECONDS = 6.0
MOST = 10_000  # at once; whoever comes then is not told of


class Typing:
    def __init__(self) -> None:
        self._ends: dict[Hashable, asyncio.TimerHandle] = {}

    def start(self, who: Hashable, ended: Callable[[], None]) -> bool:
        """Whether it begins, and does not go on. ``ended`` is called when it has ended by
        itself."""
        before = self._ends.pop(who, None)
        if before is not None:
            before.cancel()
        elif len(self._ends) >= MOST:
            return False
        loop = asyncio.get_running_loop()
        self._ends[who] = loop.call_later(TYPING_SECONDS, self._end, who, ended)
        return before is None

    def stop(self, who: Hashable) -> bool:
        """Whether there was something to end."""
        timer = self._ends.pop(who, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def stop_all(self) -> None:
        for who in list(self._ends):
            self.stop(who)

    def _end(self, who: Hashable, ended: Callable[[], None]) -> None:
        del self._ends[who]
        ended()
