"""The follower that plans deliveries: which endpoint is to hear of which event.

It reads the log from its durable cursor, and one action adds the deliveries and moves the cursor.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatctl_server.actions import callbacks as actions
from chatctl_server.domain import callbacks, events, times
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import cursors, deliveries, endpoints, log
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.workers.follower import PAGE, PAUSE_SECONDS, follow

DELIVERIES_A_CALL = 50  # the writer takes 10 µs for each, and posts wait behind them
DELIVERIES_IN_HASTE = 1000  # also what a step ends at
TriesOf = Callable[[endpoints.Endpoint], int]


class _Part(NamedTuple):
    """What some events ask for. ``requested``: the offsets of syncs; ``reached``: the offset up to
    which that is all."""

    planned: list[deliveries.Planned]
    requested: list[int]
    reached: int


class _Found(NamedTuple):
    """The next events; without parts when they ask for nothing. ``reached``: up to where that is
    so; ``has_more``: there may be others behind it."""

    parts: list[_Part]
    reached: int
    has_more: bool


class Planner:
    """``due`` is notified when there are new deliveries, ``sync_due`` when there are new syncs.
    ``tries_of``: how often a delivery to an endpoint is tried."""

    def __init__(
        self,
        store: Store,
        log_notifier: Notifier,
        due: Notifier,
        sync_due: Notifier,
        clock: times.SteadyClock,
        tries_of: TriesOf,
    ) -> None:
        self._store = store
        self._notifier = log_notifier
        self._due = due
        self._sync_due = sync_due
        self._clock = clock
        self._tries_of = tries_of
        self._stored = 0  # where the cursor stands
        self._read = 0  # up to where nothing is left to plan

    async def run(self) -> None:
        await self.begin()
        await follow(self._notifier, self.step, self.catch_up)

    async def begin(self) -> None:
        self._stored = self._read = await self._store.read(cursors.position, actions.NAME)

    async def step(self, *, in_haste: bool = False) -> bool:
        """Plans what the next events ask for; False when there are none left. ``in_haste``: nobody
        is kept waiting by it."""
        size = DELIVERIES_IN_HASTE if in_haste else DELIVERIES_A_CALL
        found = await self._store.read(_next_events, self._read, self._tries_of, size)
        for number, part in enumerate(found.parts):
            if number and not in_haste:
                await asyncio.sleep(PAUSE_SECONDS)
            if not await self._move(part):
                return True
        # What asks for nothing may be behind us before the cursor is.
        self._read = found.reached
        return found.has_more

    async def catch_up(self) -> None:
        """Moves the cursor over what asks for nothing: the next start, perhaps with other
        endpoints, begins behind it."""
        if self._stored < self._read:
            await self._move(_Part([], [], self._read))

    async def _move(self, part: _Part) -> bool:
        """Nothing counts as read before it is planned: a stop may come after a failure. False:
        another has moved the cursor, and reading begins there."""
        is_planned = await self._store.write(
            actions.plan,
            self._stored,
            part.reached,
            part.planned,
            part.requested,
            self._clock.now(),
            size=256 * (1 + len(part.planned)),
        )
        if is_planned:
            self._stored = self._read = part.reached
        else:
            await self.begin()
        if part.planned:
            self._due.notify()
        if part.requested:
            self._sync_due.notify()
        return is_planned


# Queries, run in a reader thread


def _next_events(db: Database, offset: int, tries_of: TriesOf, size: int) -> _Found:
    """In parts of about so many deliveries: all that one event asks for is in one."""
    known = [each for each in endpoints.present(db) if each.status == "enabled"]
    entries, end = _read_events(db, known, offset)
    parts: list[_Part] = []
    part = _Part([], [], offset)
    total = 0
    for entry in entries:
        part.planned.extend(planned_for(entry, known, tries_of))
        if isinstance(entry.payload, events.SyncRequested):
            part.requested.append(entry.offset)
        if len(part.planned) >= size:
            parts.append(part._replace(reached=entry.offset))
            total += len(part.planned)
            part = _Part([], [], offset)
            if total >= DELIVERIES_IN_HASTE:
                return _Found(parts, entry.offset, has_more=True)
    has_more = end < log.newest_offset(db)
    if part.planned or part.requested or has_more:
        parts.append(part._replace(reached=end))
    return _Found(parts, end, has_more)


def _read_events(
    db: Database, known: Sequence[endpoints.Endpoint], offset: int
) -> tuple[list[events.Event], int]:
    """Posted messages are the many; they are read only when somebody hears of them."""
    posted = events.MessagePosted.type
    if not any(callbacks.wants(each.kind, each.events, posted) for each in known):
        return log.read_but_posts(db, offset, PAGE)
    entries = log.read_after(db, offset, PAGE)
    return entries, entries[-1].offset if entries else offset


def planned_for(
    entry: events.Event, known: Sequence[endpoints.Endpoint], tries_of: TriesOf
) -> list[deliveries.Planned]:
    """What the endpoints are to hear of an event."""
    planned = []
    for endpoint in known:
        event = callbacks.event_of(endpoint.kind, endpoint.events, endpoint.scope, entry)
        if event is not None and entry.offset > endpoint.since:
            planned.append(
                deliveries.Planned(
                    endpoint=endpoint.id,
                    conversation=entry.conversation or 0,
                    event=event,
                    first=entry.offset,
                    last=entry.offset,
                    tries_allowed=tries_of(endpoint),
                )
            )
    return planned
