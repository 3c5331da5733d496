"""The clock that forgets deliveries which are over for long, a few at a time."""

from chatctl_server.actions import callbacks as actions
from chatctl_server.domain import times
from chatctl_server.storage import delivery_retention
from chatctl_server.storage.store import Store
from chatctl_server.workers.clock import after_each

INTERVAL_SECONDS = 600.0
A_CALL = 500
FAILED_TIMES = 4  # dead letters are kept so much longer


async def run(store: Store, days: int) -> None:
    async def tick() -> None:
        await forget(store, days, times.now())

    await after_each(INTERVAL_SECONDS, tick)


async def forget(store: Store, days: int, now: int) -> int:
    """How many there were."""
    kept = days * 24 * 3600 * times.SECOND
    total = after = 0
    while True:
        bounds = (after, now - kept, now - FAILED_TIMES * kept, A_CALL)
        found = await store.read(delivery_retention.finished, *bounds)
        if not found:
            return total
        await store.write(actions.forget, found)
        total += len(found)
        after = found[-1]
