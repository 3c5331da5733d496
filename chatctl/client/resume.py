"""Reading on over as many connections as it takes, and asking as often as it takes."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar

from chatctl.client.errors import Lost

T = TypeVar("T")
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
# A connection that lasted so long was a good one: the next pause is a short one again.
STEADY_SECONDS = 10.0
_DOUBLINGS = 6


class Contact(Protocol):
    """What is done when contact is made, perhaps again, and when it is lost. ``lost`` says how many
    seconds to wait, or raises what ends it all."""

    def made(self) -> None: ...

    def lost(self, lost: Lost) -> float: ...


class Backoff:
    """Full jitter: any time up to a limit that doubles, so that those who lost a server together
    do not come back together (Brooker, "Exponential Backoff And Jitter")."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._attempts = 0
        self._made_at: float | None = None

    def made(self) -> None:
        if self._made_at is None:
            self._made_at = self._clock()

    def lost(self, lost: Lost) -> float:
        if self._made_at is not None and self._clock() - self._made_at >= STEADY_SECONDS:
            self._attempts = 0
        self._made_at = None
        limit: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self._attempts, _DOUBLINGS))
        self._attempts += 1
        return lost.pause_seconds + self._chance() * limit


async def over_connections(
    connect: Callable[[], AsyncGenerator[T, None]], contact: Contact
) -> AsyncGenerator[T, None]:
    """What ``connect`` yields, which begins each time behind what it has yielded before and ends
    with Lost. What else it raises ends this too."""
    while True:
        try:
            async with aclosing(connect()) as found:
                async for each in found:
                    contact.made()
                    yield each
            return
        except Lost as lost:
            pause = contact.lost(lost)
        await asyncio.sleep(pause)


async def until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Of what may be asked twice."""
    backoff = Backoff()
    while True:
        try:
            return await ask()
        except Lost as lost:
            pause = backoff.lost(lost)
        await asyncio.sleep(pause)
