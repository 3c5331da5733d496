"""A follower reads the log in order from its durable cursor.

It reads a page in a reader thread, handles it, and moves its cursor by compare-and-set in one
verb. A crash between any two lines loses nothing and repeats at most the page in flight.
"""

from collections.abc import Awaitable, Callable, Sequence

from chatctl_server.conversation import following
from chatctl_server.domain import facts
from chatctl_server.live.bell import Bell
from chatctl_server.storage import cursors, log
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store

PAGE = 500
Handle = Callable[[Sequence[facts.Recorded]], Awaitable[None]]


class Follower:
    def __init__(self, name: str, store: Store, bell: Bell, handle: Handle) -> None:
        self.name = name
        self._store = store
        self._bell = bell
        self._handle = handle

    async def run(self) -> None:
        while True:
            seen = self._bell.count
            if not await self.step():
                await self._bell.wait(seen)

    async def step(self) -> bool:
        """Handles the next page; False when there is none."""
        position, page = await self._store.read(_next_page, self.name)
        if not page:
            return False
        await self._handle(page)
        await self._store.write(following.plan, self.name, position, page[-1].offset)
        return True


def _next_page(db: Database, name: str) -> tuple[int, list[facts.Recorded]]:
    position = cursors.position(db, name)
    return position, log.read_after(db, position, PAGE)
