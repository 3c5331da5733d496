"""One timer for all connections, in place of several for each."""

import asyncio
import itertools
import logging
from collections import deque
from typing import Protocol

logger = logging.getLogger("chatctl.server")

TICK_SECONDS = 0.1
SLOTS = 10  # of which each tick looks at one: at every connection about once a second
SLICE_CHECKS = 250  # then other work has its turn
LAGS = 100  # ticks whose lateness is remembered: ten seconds of them


class Watched(Protocol):
    def check(self, now: float) -> None:
        """Does what is due, about once a second. ``now`` is the loop's time, in seconds."""


class Timer:
    """Those that are added together are looked at apart from each other."""

    def __init__(self) -> None:
        slots: list[dict[Watched, None]] = [{} for _ in range(SLOTS)]
        self._slot_of: dict[Watched, dict[Watched, None]] = {}
        self._places = itertools.cycle(slots)
        self._turns = itertools.cycle(slots)
        self._lags: deque[float] = deque([0.0], maxlen=LAGS)
        self._ticked_at: float | None = None

    def add(self, watched: Watched) -> None:
        slot = self._slot_of[watched] = next(self._places)
        slot[watched] = None

    def discard(self, watched: Watched) -> None:
        slot = self._slot_of.pop(watched, None)
        if slot is not None:
            del slot[watched]

    @property
    def lag_seconds(self) -> float:
        """How late the loop was at most in the last ten seconds."""
        return max(self._lags)

    async def tick(self) -> None:
        """To be called every ``TICK_SECONDS``."""
        now = asyncio.get_running_loop().time()
        if self._ticked_at is not None:
            self._lags.append(max(0.0, now - self._ticked_at - TICK_SECONDS))
        self._ticked_at = now
        slot = next(self._turns)
        for number, watched in enumerate(list(slot), 1):
            if watched in slot:
                self._check(watched, now)
            if number % SLICE_CHECKS == 0:
                await asyncio.sleep(0)

    def _check(self, watched: Watched, now: float) -> None:
        try:
            watched.check(now)
        except Exception:
            logger.exception("a connection failed")
            self.discard(watched)
