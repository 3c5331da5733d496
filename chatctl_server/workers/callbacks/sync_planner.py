"""Plans syncs: of which rooms the states and histories are to be sent.

A few rooms are planned at a time, and beside the events: a sync of many rooms keeps none waiting.
"""

from collections.abc import Sequence

from chatctl_server.actions import history_batches as runs
from chatctl_server.actions import syncs as actions
from chatctl_server.domain import callbacks, events, times
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import endpoints, history_batches, log, rooms, syncs
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.workers.callbacks.sync_runs import SyncRuns

ROOMS_A_CALL = 20  # the writer measures each room's batch of messages, which takes up to 0.3 ms


class SyncPlanner:
    """``sync_due`` is notified when there are new syncs; it notifies ``due`` when it has planned
    deliveries."""

    def __init__(
        self,
        store: Store,
        sync_due: Notifier,
        due: Notifier,
        sizes: runs.Sizes,
        clock: times.SteadyClock,
        sync_runs: SyncRuns,
    ) -> None:
        self._store = store
        self._sync_due = sync_due
        self._due = due
        self._sizes = sizes
        self._clock = clock
        self._sync_runs = sync_runs

    async def run(self) -> None:
        while True:
            seen = self._sync_due.count
            if not await self.step():
                await self._sync_due.wait(seen)

    async def step(self) -> bool:
        """Plans the next rooms of the first sync; False when there is none."""
        part = await self._store.read(_next_part)
        if part is None:
            return False
        states = await self._store.write(actions.plan, part, self._sizes, self._clock.now())
        if states is None:
            return True
        if part.tells_states:
            self._sync_runs.planned(part.after.offset, states, is_all=not part.rooms)
        if part.rooms:
            self._due.notify()
        return True


# Queries, run in a reader thread


def _next_part(db: Database) -> actions.SyncPart | None:
    after = syncs.first(db)
    if after is None:
        return None
    requested = log.one(db, after.offset)
    if requested is None:  # of a room that was purged
        return actions.SyncPart(after, [], {}, None, is_of_all_rooms=False)
    payload = requested.payload
    assert isinstance(payload, events.SyncRequested)
    ids = {each.kind: each.id for each in endpoints.present(db) if each.status == "enabled"}
    named = {kind: callbacks.RECEIVERS[kind] for kind in payload.kinds}
    receivers = {kind: ids[name] for kind, name in named.items() if name in ids}
    wanted = _rooms(db, requested.conversation, payload, after.room) if receivers else []
    is_of_all = requested.conversation is None
    return actions.SyncPart(after, wanted, receivers, actions.window_of(payload), is_of_all)


def _rooms(
    db: Database, only: int | None, payload: events.SyncRequested, after: int
) -> Sequence[int]:
    """The next rooms of the sync. Its kinds are those of states, or one of a history."""
    if only is not None:
        return [only] if after < only else []
    kind = payload.kinds[0]
    if kind in ("data", "periodic"):
        return [each.id for each in rooms.page(db, after, "open", ROOMS_A_CALL)]
    if actions.window_of(payload) is not None:
        return history_batches.all_rooms(db, after, ROOMS_A_CALL)
    return history_batches.rooms_with_more(db, callbacks.history_of(kind), after, ROOMS_A_CALL)
