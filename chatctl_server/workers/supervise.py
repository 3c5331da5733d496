"""Tasks with a name and an owner: started together, restarted after a failure, stopped together."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from chatctl_server import errors

logger = logging.getLogger("chatctl.server")
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


class Workers:
    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(supervise(name, work), name=name))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()


async def supervise(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Runs the work until it is cancelled; after an error again, with growing pauses."""
    pause = FIRST_PAUSE_SECONDS
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            await work()
        except errors.ChatctlError as error:
            logger.warning("%s waits %g s: %s", name, pause, error)
        except Exception:
            logger.exception("%s failed; it starts again in %g s", name, pause)
        if loop.time() - started > LONGEST_PAUSE_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def at_the_end(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Runs the work once, at a stop. It fails as a worker does, and the stop goes on."""
    try:
        await work()
    except errors.ChatctlError as error:
        logger.warning("%s is left to the next start: %s", name, error)
    except Exception:
        logger.exception("%s failed; it is left to the next start", name)
