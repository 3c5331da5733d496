"""The follower that plans deliveries: which endpoint is to hear of which fact.

It reads the log from its durable cursor, and one verb adds the deliveries and moves the cursor.
A sync is planned a few rooms at a time: the cursor also says which rooms are behind it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatctl_server.conversation import batches as runs
from chatctl_server.conversation import callbacks as verbs
from chatctl_server.domain import callbacks, facts, times
from chatctl_server.live.bell import Bell
from chatctl_server.storage import batches, conversations, cursors, deliveries, endpoints, log
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.workers.sync_runs import SyncRuns

PAGE = 500
ROOMS_A_CALL = 20  # the writer measures each room's batch of messages, which takes up to 0.3 ms
LAZY_SECONDS = 5.0
TriesOf = Callable[[endpoints.Stored], int]


class _Page(NamedTuple):
    """What the log asks for next: deliveries, or a sync of these rooms. ``reached``: the offset
    up to which that is all."""

    planned: list[deliveries.Planned]
    reached: int
    is_full: bool
    sync: facts.Recorded | None = None
    rooms: Sequence[int] = ()
    receivers: dict[facts.SyncKind, int] = {}  # noqa: RUF012  # never changed

    @property
    def is_of_all_states(self) -> bool:
        """Whether its end is told: not that of a history, nor of one room."""
        is_of_all = self.sync is not None and self.sync.conversation is None
        return is_of_all and bool(self.receivers.keys() - set(callbacks.HISTORIES))


class Planner:
    """``planned`` rings when there are new deliveries."""

    def __init__(
        self,
        store: Store,
        log_bell: Bell,
        planned: Bell,
        sizes: runs.Sizes,
        clock: times.SteadyClock,
        sync_runs: SyncRuns,
        tries_of: TriesOf,
    ) -> None:
        """``tries_of``: how often a delivery to an endpoint is tried."""
        self._store = store
        self._bell = log_bell
        self._planned = planned
        self._sizes = sizes
        self._clock = clock
        self._sync_runs = sync_runs
        self._tries_of = tries_of
        self._at = verbs.Position(0)
        self._read = 0  # up to where nothing is left to plan

    async def run(self) -> None:
        await self.begin()
        while True:
            seen = self._bell.count
            if not await self.step():
                await self._wait(seen)

    async def begin(self) -> None:
        self._at = await self._store.read(_position)
        self._read = self._at.offset

    async def step(self) -> bool:
        """Plans what the next page of the log asks for; False when it asks for nothing more."""
        page = await self._store.read(_read, self._read, self._at.room, self._tries_of)
        if page.sync is not None:
            await self._plan_sync(page, page.sync)
            return True
        if page.planned or page.is_full:
            await self._move(page.planned, page.reached)
        else:
            self._read = page.reached  # what asks for nothing may be behind us before the cursor is
        return page.is_full

    async def finish(self) -> None:
        """At a stop: the next start, perhaps with other endpoints, begins behind what was read."""
        if self._at.offset < self._read:
            await self._move([], self._read)

    async def _plan_sync(self, page: _Page, entry: facts.Recorded) -> None:
        before = entry.offset - 1
        if self._at.room == 0 and self._at.offset < before:
            # What lies before it asks for nothing, whoever is added while it is planned.
            await self._move([], before)
            if self._at.offset != before:
                return
        count = await self._store.write(
            verbs.plan_sync,
            self._at,
            entry.offset,
            page.rooms,
            page.planned,
            page.receivers,
            self._sizes,
            self._clock.now(),
        )
        if count is None:
            await self.begin()
            return
        if page.is_of_all_states:
            self._sync_runs.planned(entry.offset, count, is_all=not page.rooms)
        if page.rooms or page.planned:
            self._planned.ring()
        if page.rooms:
            self._at = verbs.Position(self._at.offset, page.rooms[-1])
        else:
            self._at = verbs.Position(entry.offset)
            self._read = entry.offset

    async def _move(self, planned: Sequence[deliveries.Planned], reached: int) -> None:
        """Nothing counts as read before it is planned: a stop may come after a failure."""
        arguments = (self._at, reached, planned, self._clock.now())
        if await self._store.write(verbs.plan, *arguments, size=256 * (1 + len(planned))):
            self._at, self._read = verbs.Position(reached), reached
        else:
            await self.begin()
        if planned:
            self._planned.ring()

    async def _wait(self, seen: int) -> None:
        if self._read == self._at.offset:
            await self._bell.wait(seen)
            return
        try:
            async with asyncio.timeout(LAZY_SECONDS):
                await self._bell.wait(seen)
        except TimeoutError:
            await self._move([], self._read)


# Questions, run in a reader thread


def _position(db: Database) -> verbs.Position:
    return verbs.Position(cursors.position(db, verbs.NAME), cursors.position(db, verbs.ROOM))


def _read(db: Database, offset: int, room: int, tries_of: TriesOf) -> _Page:
    known = [each for each in endpoints.present(db) if each.status == "enabled"]
    entries, reached = _facts(db, known, offset)
    is_full = len(entries) == PAGE
    first_sync = _first_sync(entries)
    if first_sync == 0:
        return _sync(db, known, entries[0], room, tries_of)
    if first_sync is not None:
        reached, is_full = entries[first_sync].offset - 1, True
        entries = entries[:first_sync]
    planned = [each for entry in entries for each in planned_for(entry, known, tries_of)]
    return _Page(planned, reached, is_full)


def _facts(
    db: Database, known: Sequence[endpoints.Stored], offset: int
) -> tuple[list[facts.Recorded], int]:
    """Posted messages are the many; they are read only when somebody hears of them."""
    posted = facts.MessagePosted.type
    if not any(callbacks.wants(each.kind, each.events, posted) for each in known):
        return log.read_but_posts(db, offset, PAGE)
    entries = log.read_after(db, offset, PAGE)
    return entries, entries[-1].offset if entries else offset


def _first_sync(entries: Sequence[facts.Recorded]) -> int | None:
    for place, entry in enumerate(entries):
        if isinstance(entry.fact, facts.SyncRequested):
            return place
    return None


def planned_for(
    entry: facts.Recorded, known: Sequence[endpoints.Stored], tries_of: TriesOf
) -> list[deliveries.Planned]:
    """What the endpoints are to hear of a fact that is no sync."""
    planned = []
    for endpoint in known:
        event = callbacks.event_of(endpoint.kind, endpoint.events, entry.fact)
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


def _sync(
    db: Database,
    known: Sequence[endpoints.Stored],
    entry: facts.Recorded,
    room: int,
    tries_of: TriesOf,
) -> _Page:
    fact = entry.fact
    assert isinstance(fact, facts.SyncRequested)
    ids = {each.kind: each.id for each in known}
    named = {kind: callbacks.RECEIVERS[kind] for kind in fact.kinds}
    receivers = {kind: ids[name] for kind, name in named.items() if name in ids}
    rooms = _rooms(db, entry, fact, room) if receivers else []
    planned = planned_for(entry, known, tries_of)
    return _Page(planned, entry.offset, True, entry, rooms, receivers)


def _rooms(db: Database, entry: facts.Recorded, fact: facts.SyncRequested, after: int) -> list[int]:
    """The next rooms of the sync. Its kinds are those of states, or one of a history."""
    if entry.conversation is not None:
        return [entry.conversation] if after < entry.conversation else []
    kind = fact.kinds[0]
    if kind in ("data", "periodic"):
        page = conversations.page(db, "room", after, ("open", "open"), ROOMS_A_CALL)
        return [each.conversation.id for each in page]
    if verbs.again(fact) is not None:
        return batches.all_rooms(db, after, ROOMS_A_CALL)
    history: callbacks.HistoryKind = "chat_history" if kind == "chat_history" else "session_history"
    return batches.rooms_with_more(db, history, after, ROOMS_A_CALL)
