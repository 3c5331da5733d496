"""A clock calls a verb at an interval. It counts by the monotonic clock: setting the wall clock
neither bursts nor stalls it."""

import asyncio
from collections.abc import Awaitable, Callable


async def every(seconds: float, tick: Callable[[], Awaitable[None]]) -> None:
    """Ticks at once, then every ``seconds``; a tick that takes longer delays the next."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await tick()
        due = max(due + seconds, loop.time())
        await asyncio.sleep(due - loop.time())


async def after_each(seconds: float, tick: Callable[[], Awaitable[None]]) -> None:
    """As ``every``, with the first tick after the first interval."""
    await asyncio.sleep(seconds)
    await every(seconds, tick)
