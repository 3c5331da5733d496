"""A follower reads the log in order from its durable cursor.

It reads a page in a reader thread, handles it, and moves its cursor by compare-and-set in one
action. A crash between any two lines loses nothing and repeats at most the page in flight.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from chatctl_server.actions import followers
from chatctl_server.domain import events
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import cursors, log
from chatctl_server.storage.store import Store

PAGE = 500
LAZY_SECONDS = 5.0
PAUSE_SECONDS = 0.002  # after what was handled: one that is far behind leaves others their turn
Handle = Callable[[Sequence[events.Event]], Awaitable[bool]]


async def follow(
    notifier: Notifier, step: Callable[[], Awaitable[bool]], catch_up: Callable[[], Awaitable[None]]
) -> None:
    """Step by step, then as it is notified. ``catch_up`` moves the cursor over what asked for
    nothing, when it has been quiet for a while."""
    while True:
        seen = notifier.count
        if await step():
            await asyncio.sleep(PAUSE_SECONDS)
        elif not await notifier.notified_within(seen, LAZY_SECONDS):
            await catch_up()
            await notifier.wait(seen)


class Follower:
    """``handle`` says whether a page held anything of its own. If not, the cursor may wait: a
    commit for each lone message of others would cost as much as the message."""

    def __init__(self, name: str, store: Store, notifier: Notifier, handle: Handle) -> None:
        self.name = name
        self._store = store
        self._notifier = notifier
        self._handle = handle
        self._read = 0  # up to where the log was read, and
        self._stored = 0  # where the cursor stands

    async def run(self) -> None:
        self._stored = self._read = await self._store.read(cursors.position, self.name)
        await follow(self._notifier, self.step, self._catch_up)

    async def step(self) -> bool:
        """Handles the next page; False when there is none."""
        page = await self._store.read(log.read_after, self._read, PAGE)
        if not page:
            return False
        is_ours = await self._handle(page)
        self._read = page[-1].offset
        if is_ours or len(page) == PAGE:
            await self._move()
        return True

    async def _catch_up(self) -> None:
        if self._stored != self._read:
            await self._move()

    async def _move(self) -> None:
        """By compare-and-set; when another has moved the cursor, reading begins there."""
        if not await self._store.write(followers.plan, self.name, self._stored, self._read):
            self._read = await self._store.read(cursors.position, self.name)
        self._stored = self._read
