"""The clock that removes rooms which were closed long ago, and what a stop has left of purges."""

import contextlib

from chatctl_server import errors
from chatctl_server.actions import conversations
from chatctl_server.domain import events, times
from chatctl_server.storage import purges, rooms
from chatctl_server.storage.store import Store
from chatctl_server.workers.clock import every, insist

INTERVAL_SECONDS = 3600.0
A_READ = 100  # rooms


async def run(store: Store, days: int) -> None:
    """``days``: how long a closed room is kept; 0: for ever."""

    async def look() -> None:
        await remove(store, days, times.now())

    await every(INTERVAL_SECONDS, lambda: insist("removing closed rooms", look))


async def remove(store: Store, days: int, now: int) -> None:
    before = now - days * 24 * 3600 * times.SECOND
    while days and (found := await store.read(rooms.closed_before, before, A_READ)):
        for room in found:
            with contextlib.suppress(errors.NotFound):  # somebody else was faster
                await store.write(conversations.purge, events.SERVER, room)
    await purges.finish(store)
