"""A clock calls an action at an interval. It counts by the monotonic clock: setting the wall clock
neither bursts nor stalls it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chatctl_server import errors

logger = logging.getLogger("chatctl.server")
INSIST_SECONDS = 5.0


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


async def insist(name: str, tick: Callable[[], Awaitable[None]]) -> None:
    """Again every 5 s while it is refused, as when the disk is full: an interval may be a day."""
    while True:
        try:
            await tick()
        except errors.ChatctlError as error:
            logger.warning("%s tries again in %g s: %s", name, INSIST_SECONDS, error)
            await asyncio.sleep(INSIST_SECONDS)
        else:
            return
