"""Resume: from a place in the log to live, without a gap, a repeat or starvation.

Pages from the database until the position lies in the channel's recent entries; then the join, from
which the rest follows. The channel is pinned first: however busy it is, one page that reaches its
entries is enough.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.live.hub import Hub
from chatctl_server.live.subscriber import Subscriber

LIMIT_SECONDS = 10.0


class Missed(NamedTuple):
    """Whole frames in log order, and the offset up to which nothing is missing."""

    frames: list[bytes]
    offset: int


async def resume(
    hub: Hub,
    key: Hashable,
    subscriber: Subscriber,
    offset: int,
    read_page: Callable[[int], Awaitable[Missed]],
) -> None:
    """Raises ResyncRequired when the client is not inside after 10 s."""
    hub.pin(key)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not hub.join(key, subscriber, offset):
                missed = await read_page(offset)
                subscriber.replay(missed.frames)
                offset = missed.offset
                await subscriber.drained()
    except TimeoutError:
        raise errors.ResyncRequired("The connection could not catch up in 10 s") from None
    finally:
        hub.unpin(key)
