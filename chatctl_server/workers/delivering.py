"""Sends what is due: in order within each lane, in parallel across them, within limits.

A lane is an endpoint's pending deliveries of one conversation. A lane under way holds one of its
endpoint's slots; one that waits for a retry holds none. Lanes whose last try timed out hold at
most half of them, and half of all slots, so that what hangs does not keep the others waiting.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.conversation import batches as runs
from chatctl_server.conversation import callbacks as verbs
from chatctl_server.domain import callbacks, event_id, times
from chatctl_server.live.bell import Bell
from chatctl_server.storage import deliveries, endpoints
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.workers import signing, telling
from chatctl_server.workers.address_guard import Guard
from chatctl_server.workers.http_client import Client, SendFailed
from chatctl_server.workers.rendering import Rendered, Rendering

logger = logging.getLogger("chatctl.callbacks")
SLOTS = 128
SLOTS_OF_ENDPOINT = 16
SLOTS_OF_SLOW_LANES = SLOTS_OF_ENDPOINT // 2
SLOTS_THAT_MAY_HANG = SLOTS // 2
ASSURED_SLOTS = (
    2  # of an endpoint, for slow lanes: else its others could keep them waiting for ever
)
SETTLE_AGAIN_SECONDS = 1.0
TROUBLE_SECONDS = 30.0  # after an error of our own a lane rests, so that it does not spin


class Config(msgspec.Struct, frozen=True):
    """What the settings say. ``policy_of`` and ``keys_of`` are about one endpoint."""

    timeout_seconds: float
    user_agent: str
    sizes: runs.Sizes
    policy_of: Callable[[endpoints.Stored], callbacks.Policy]
    keys_of: Callable[[endpoints.Stored, int], Sequence[bytes]]
    guard: Guard


class Wanted(NamedTuple):
    """What an endpoint has room for, and the conversations whose lanes are under way."""

    busy: frozenset[int] = frozenset()
    slots: int = SLOTS_OF_ENDPOINT
    slow_slots: int = SLOTS_OF_SLOW_LANES


class Due(NamedTuple):
    """``next_at``: when something else is due, by the sender's clock; None for never."""

    endpoints: list[endpoints.Stored]
    rendered: list[Rendered]
    next_at: int | None


class Lanes:
    """The lanes of one endpoint that are under way. ``hangs``: its last try timed out."""

    def __init__(self) -> None:
        self.busy: dict[int, bool] = {}  # conversation → whether its last try timed out
        self.hangs = False

    @property
    def slow(self) -> int:
        """How many may hang: all of them where the last try has."""
        return len(self.busy) if self.hangs else sum(self.busy.values())

    def wanted(self) -> Wanted:
        slots = SLOTS_OF_ENDPOINT - len(self.busy)
        slow_slots = SLOTS_OF_SLOW_LANES - sum(self.busy.values())
        return Wanted(frozenset(self.busy), slots, slow_slots)


class Sender:
    """``bell`` rings when there may be something to send."""

    def __init__(
        self,
        store: Store,
        bell: Bell,
        client: Client,
        rendering: Rendering,
        clock: times.SteadyClock,
        config: Config,
        on_try: Callable[[telling.Told], None],
    ) -> None:
        self._store = store
        self._bell = bell
        self._client = client
        self._rendering = rendering
        self._clock = clock
        self._config = config
        self._on_try = on_try
        self._lanes: dict[int, Lanes] = {}
        self._endpoints: dict[int, endpoints.Stored] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            seen = self._bell.count
            next_at = await self.start_due()
            await self.wait(seen, next_at)

    async def start_due(self) -> int | None:
        """Begins to send what is due, as far as there are slots; when the next is due."""
        if len(self._tasks) >= SLOTS or self._store.is_displaced:
            return None
        wanted = {number: lanes.wanted() for number, lanes in self._lanes.items()}
        due = await self._store.read(_due, wanted, self._clock.now(), self._rendering)
        self._endpoints = {each.id: each for each in due.endpoints}
        held = Counter({number: len(lanes.busy) for number, lanes in self._lanes.items()})
        for rendered in _in_turns(due.rendered, held):
            if self._has_room(rendered):
                self._start(rendered)
        return due.next_at

    @property
    def is_idle(self) -> bool:
        return not self._tasks

    async def finish(self, seconds: float) -> None:
        """Waits for what is under way, then cuts it off: it will be sent again."""
        if self._tasks and seconds:
            logger.info("%d callbacks are under way; the stop waits for them", len(self._tasks))
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    def _has_room(self, rendered: Rendered) -> bool:
        """What may hang has half of all slots, so that it never has all of them."""
        if len(self._tasks) >= SLOTS:
            return False
        lanes = self._lanes.setdefault(rendered.delivery.endpoint, Lanes())
        if not (rendered.is_slow or lanes.hangs):
            return True
        return sum(each.slow for each in self._lanes.values()) < SLOTS_THAT_MAY_HANG

    def _start(self, rendered: Rendered) -> None:
        delivery = rendered.delivery
        self._lanes[delivery.endpoint].busy[delivery.conversation] = rendered.is_slow
        name = f"callback {delivery.id}"
        task = asyncio.create_task(self._deliver(rendered), name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, delivery))

    def _end(self, task: asyncio.Task[None], delivery: deliveries.Stored) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            self._free(delivery)
            return
        error = task.exception()
        logger.error("delivery %d could not be handled", delivery.id, exc_info=error)
        asyncio.get_running_loop().call_later(TROUBLE_SECONDS, self._free, delivery)

    def _free(self, delivery: deliveries.Stored) -> None:
        self._lanes[delivery.endpoint].busy.pop(delivery.conversation, None)
        self._bell.ring()

    async def _deliver(self, rendered: Rendered) -> None:
        delivery = rendered.delivery
        endpoint = self._endpoints[delivery.endpoint]
        number = delivery.tries + 1
        at = times.now()
        self._on_try(telling.Told(endpoint, rendered, number))
        outcome = await self._send(endpoint, rendered, at)
        self._lanes[endpoint.id].hangs = outcome.error == "timeout"
        policy = self._config.policy_of(endpoint)
        verdict = callbacks.judge(
            policy, delivery.event, number, delivery.tries_allowed, outcome, times.now()
        )
        settled = verbs.Settled(at, outcome, verdict, rendered.body_hash, self._clock.now())
        await self._settle(delivery, settled)
        self._on_try(telling.Told(endpoint, rendered, number, outcome, verdict))

    async def _send(
        self, endpoint: endpoints.Stored, rendered: Rendered, at: int
    ) -> callbacks.Outcome:
        if rendered.trouble is not None:
            return callbacks.Outcome(0, error=callbacks.BAD_DATA, detail=rendered.trouble)
        began = self._clock.now()
        try:
            answer = await self._client.post(
                endpoint.url,
                self.headers(endpoint, rendered, at),
                rendered.body,
                timeout_seconds=self._config.timeout_seconds,
                guard=self._config.guard if endpoint.is_guarded else None,
            )
        except SendFailed as failed:
            latency = self._clock.now() - began
            return callbacks.Outcome(latency, error=failed.reason, detail=failed.detail)
        return callbacks.Outcome(
            latency=self._clock.now() - began,
            status=answer.status,
            answer=answer.body,
            retry_after=answer.retry_after,
        )

    def headers(
        self, endpoint: endpoints.Stored, rendered: Rendered, at: int
    ) -> list[tuple[str, str]]:
        delivery = rendered.delivery
        told = [
            ("content-type", "application/json"),
            ("user-agent", self._config.user_agent),
            ("x-chatctl-event", delivery.event),
        ]
        if delivery.mark is not None:
            told.append(("x-chatctl-mark", delivery.mark))
        if rendered.is_changed:
            told.append(("x-chatctl-changed", "true"))
        webhook_id = event_id.make(delivery.planned_at, delivery.id)
        keys = self._config.keys_of(endpoint, at)
        return told + signing.headers(webhook_id, times.seconds(at), rendered.body, keys)

    async def _settle(self, delivery: deliveries.Stored, settled: verbs.Settled) -> None:
        """Until it is stored: a try that is forgotten would be made again."""
        while True:
            try:
                await self._store.write(verbs.settle, delivery, settled, self._config.sizes)
                return
            except errors.ChatctlError as error:
                logger.warning("delivery %d is not marked yet: %s", delivery.id, error)
                await asyncio.sleep(SETTLE_AGAIN_SECONDS)

    async def wait(self, seen: int, next_at: int | None) -> None:
        """For the bell to ring again, or until that time."""
        if next_at is None:
            await self._bell.wait(seen)
            return
        seconds = max(0.0, (next_at - self._clock.now()) / times.SECOND)
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait(seen)
        except TimeoutError:
            pass


def _in_turns(found: Sequence[Rendered], turns: Counter[int]) -> list[Rendered]:
    """Whoever holds the fewest slots (``turns``) is first: no endpoint takes all that is left."""
    placed = []
    for rendered in found:
        endpoint = rendered.delivery.endpoint
        placed.append((turns[endpoint], rendered))
        turns[endpoint] += 1
    return [rendered for _, rendered in sorted(placed, key=lambda each: each[0])]


# Questions, run in a reader thread


def _due(db: Database, wanted: Mapping[int, Wanted], now: int, rendering: Rendering) -> Due:
    enabled = [each for each in endpoints.present(db) if each.status == "enabled"]
    rendered: list[Rendered] = []
    waits: list[int] = []
    for endpoint in enabled:
        rendered += _due_of(db, endpoint.id, wanted.get(endpoint.id, Wanted()), now, rendering)
        next_at = deliveries.next_due(db, endpoint.id, now)
        waits += [] if next_at is None else [next_at]
    return Due(enabled, rendered, min(waits, default=None))


def _due_of(
    db: Database, endpoint: int, wanted: Wanted, now: int, rendering: Rendering
) -> list[Rendered]:
    """Lanes that do not time out go first, but for the share that the others always have."""

    def free(is_slow: bool, most: int) -> list[deliveries.Stored]:
        limit = most + len(wanted.busy)
        rows = deliveries.due(db, endpoint, is_slow=is_slow, now=now, limit=limit)
        return [row for row in rows if row.conversation not in wanted.busy][:most]

    if wanted.slots <= 0:
        return []
    slow = [(row, True) for row in free(True, wanted.slow_slots)] if wanted.slow_slots > 0 else []
    fast = [(row, False) for row in free(False, wanted.slots)]
    assured = max(0, wanted.slow_slots - SLOTS_OF_SLOW_LANES + ASSURED_SLOTS)
    chosen = (slow[:assured] + fast + slow[assured:])[: wanted.slots]
    return [rendering.render(db, row, is_slow=is_slow) for row, is_slow in chosen]
