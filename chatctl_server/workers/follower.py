"""A follower reads the log in order from its durable cursor.

It reads a page in a reader thread, handles it, and moves its cursor by compare-and-set in one
action. A crash between any two lines loses nothing and repeats at most the page in flight.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from chatctl_server.actions import followers
from chatctl_server.domain import events, token_bucket
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import cursors, log
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store

PAGE = 500
LAZY_SECONDS = 5.0
PAUSE_SECONDS = 0.002  # after what was handled: one that is far behind leaves others their turn
STEPS_PER_SECOND = 20  # when it goes on: a busy log is read in pages, not commit by commit
Handle = Callable[[Sequence[events.Event]], Awaitable[bool]]


async def follow(
    notifier: Notifier, step: Callable[[], Awaitable[bool]], catch_up: Callable[[], Awaitable[None]]
) -> None:
    """Step by step while ``step`` says that there is more, then as it is notified. ``catch_up``
    moves the cursor over what asked for nothing, when it has been quiet for a while."""
    full_at = 0
    while True:
        seen = notifier.count
        if await step():
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if not await notifier.notified_within(seen, LAZY_SECONDS):
            await catch_up()
            await notifier.wait(seen)
        while (after := _full_again(full_at)) is None:  # noqa: ASYNC110  it waits for the time
            await asyncio.sleep(1 / STEPS_PER_SECOND)
        full_at = after


def _full_again(full_at: int) -> int | None:
    return token_bucket.full_again(full_at, time.monotonic_ns() // 1000, STEPS_PER_SECOND)


class Follower:
    """Of all events but posted messages. ``handle`` says whether a page held anything of its own.
    If not, the cursor may wait: a commit for each lone event of others would cost as much as it."""

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
        """Handles the next page; False when there is none behind it."""
        page, reached, has_more = await self._store.read(_next_page, self._read)
        is_ours = bool(page) and await self._handle(page)
        self._read = reached
        if is_ours or self._read - self._stored >= PAGE:
            await self._move()
        return has_more

    async def _catch_up(self) -> None:
        if self._stored != self._read:
            await self._move()

    async def _move(self) -> None:
        """By compare-and-set; when another has moved the cursor, reading begins there."""
        if not await self._store.write(followers.plan, self.name, self._stored, self._read):
            self._read = await self._store.read(cursors.position, self.name)
        self._stored = self._read


def _next_page(db: Database, offset: int) -> tuple[list[events.Event], int, bool]:
    """With the offset up to which that is all, and whether there are events behind it."""
    page, reached = log.read_but_posts(db, offset, PAGE)
    return page, reached, reached < log.newest_offset(db)
