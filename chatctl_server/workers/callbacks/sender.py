"""Sends what is due: in order within each ordering key, in parallel across them, within limits.

An ordering key is an endpoint's pending deliveries of one conversation. One that is under way
holds one of its endpoint's slots; one that waits for a retry holds none. Those whose last try
timed out hold at most half of them, and half of all slots, so that what hangs does not keep the
others waiting.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import attempts
from chatctl_server.actions import history_batches as runs
from chatctl_server.domain import callbacks, event_id, signatures, times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import deliveries, endpoints
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.workers.callbacks import attempt_log
from chatctl_server.workers.callbacks.address_guard import AddressGuard
from chatctl_server.workers.callbacks.http_client import HttpClient, SendFailed
from chatctl_server.workers.callbacks.renderer import Rendered, Rendering

logger = logging.getLogger("chatctl.callbacks")
SLOTS = 128
SLOTS_OF_ENDPOINT = 16
SLOTS_OF_SLOW_KEYS = SLOTS_OF_ENDPOINT // 2
SLOTS_THAT_MAY_HANG = SLOTS // 2
# Of an endpoint, for slow ordering keys: else its others could keep them waiting for ever.
ASSURED_SLOTS = 2
PAUSE_SECONDS = 0.004  # between two looks: what ends meanwhile is followed up by one
RECORD_AGAIN_SECONDS = 1.0
TROUBLE_SECONDS = 30.0  # after an error of our own an ordering key rests, so that it does not spin


class Config(msgspec.Struct, frozen=True):
    """What the settings say. ``policy_of`` and ``keys_of`` are about one endpoint."""

    timeout_seconds: float
    user_agent: str
    sizes: runs.Sizes
    policy_of: Callable[[endpoints.Endpoint], callbacks.Policy]
    keys_of: Callable[[endpoints.Endpoint, int], Sequence[bytes]]
    guard: AddressGuard


class Places(NamedTuple):
    """What an endpoint has room for, and the conversations whose ordering keys are under way.
    ``hangs``: the endpoint's last try timed out, whichever ordering key's it was."""

    busy: frozenset[int] = frozenset()
    slots: int = SLOTS_OF_ENDPOINT
    slow_slots: int = SLOTS_OF_SLOW_KEYS
    hangs: bool = False


class Look(NamedTuple):
    """What is looked for. ``slots``: how many are left, ``may_hang``: how many of these to what
    may hang. ``turn`` counts the looks: another endpoint is the first each time. ``left``: kinds
    to which nothing is sent; ``needs_secret``: nor to endpoints without a secret of their own."""

    places: Mapping[int, Places]
    slots: int
    may_hang: int
    now: int
    above: int = 0
    turn: int = 0
    left: frozenset[EndpointKind] = frozenset()
    needs_secret: bool = False

    def sends_to(self, endpoint: endpoints.Endpoint) -> bool:
        is_left = endpoint.kind in self.left or (self.needs_secret and endpoint.secret is None)
        return endpoint.status == "enabled" and not is_left


class Head(NamedTuple):
    """The first delivery of an ordering key, whose time has come."""

    delivery: deliveries.Delivery
    is_slow: bool


class Due(NamedTuple):
    """``next_at``: when something else is due, by the sender's clock; None for never."""

    endpoints: list[endpoints.Endpoint]
    rendered: list[Rendered]
    next_at: int | None


class InFlight:
    """The ordering keys of one endpoint that are under way. ``hangs``: as in ``Places``."""

    def __init__(self) -> None:
        self.busy: dict[int, bool] = {}  # conversation → whether its last try timed out
        self.hangs = False

    @property
    def slow(self) -> int:
        """How many may hang: all of them where the last try has."""
        return len(self.busy) if self.hangs else sum(self.busy.values())

    def places(self) -> Places:
        slots = SLOTS_OF_ENDPOINT - len(self.busy)
        slow_slots = SLOTS_OF_SLOW_KEYS - sum(self.busy.values())
        return Places(frozenset(self.busy), slots, slow_slots, self.hangs)


class Sender:
    """``notifier`` is notified when there may be something to send."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        client: HttpClient,
        rendering: Rendering,
        clock: times.SteadyClock,
        config: Config,
        on_try: Callable[[attempt_log.AttemptProgress], None],
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._client = client
        self._rendering = rendering
        self._clock = clock
        self._config = config
        self._on_try = on_try
        self._in_flight: dict[int, InFlight] = {}
        self._endpoints: dict[int, endpoints.Endpoint] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.TimerHandle] = set()
        self._looks = 0
        self._left: frozenset[EndpointKind] = frozenset()
        self._needs_secret = False

    def leave(self, kinds: Iterable[EndpointKind], *, without_secret: bool) -> None:
        """Nothing is sent to the endpoints of these kinds, nor, where that is asked for, to those
        without a secret of their own."""
        self._left = frozenset(kinds)
        self._needs_secret = without_secret

    async def run(self) -> None:
        while True:
            seen = self._notifier.count
            next_at = await self.start_due()
            # ``seen`` is of before the look: what came during it is not waited for.
            await asyncio.sleep(PAUSE_SECONDS)
            await self.wait(seen, next_at)

    async def start_due(self, *, above: int = 0) -> int | None:
        """Begins to send what is due, as far as there are slots; when the next is due. ``above``:
        only what was planned after that delivery."""
        if len(self._tasks) >= SLOTS or self._store.is_displaced:
            return None  # the end of a try notifies
        places = {number: in_flight.places() for number, in_flight in self._in_flight.items()}
        self._looks += 1
        look = Look(
            places=places,
            slots=SLOTS - len(self._tasks),
            may_hang=SLOTS_THAT_MAY_HANG - self._slow,
            now=self._clock.now(),
            above=above,
            turn=self._looks,
            left=self._left,
            needs_secret=self._needs_secret,
        )
        due = await self._store.read(_due, look, self._rendering)
        # As they are now: what the next try is sent to, and signed with, may have been changed.
        self._endpoints = {each.id: each for each in due.endpoints}
        for rendered in due.rendered:
            if self._has_room(rendered):
                self._start(rendered)
        return due.next_at

    @property
    def under_way(self) -> int:
        """How many tries."""
        return len(self._tasks)

    async def finish(self, deadline: float) -> None:
        """Waits for what is under way until that time of the loop, then cuts it off: it will be
        sent again."""
        seconds = deadline - asyncio.get_running_loop().time()
        if self._tasks and seconds > 0:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in self._resting:
            timer.cancel()
        self._resting.clear()

    @property
    def _slow(self) -> int:
        return sum(each.slow for each in self._in_flight.values())

    def _has_room(self, rendered: Rendered) -> bool:
        """What may hang has half of all slots, so that it never has all of them. While the
        deliveries were looked for, tries have ended and others have timed out."""
        if len(self._tasks) >= SLOTS:
            return False
        in_flight = self._in_flight.setdefault(rendered.delivery.endpoint, InFlight())
        if not (rendered.is_slow or in_flight.hangs):
            return True
        return self._slow < SLOTS_THAT_MAY_HANG

    def _start(self, rendered: Rendered) -> None:
        delivery = rendered.delivery
        self._in_flight[delivery.endpoint].busy[delivery.conversation] = rendered.is_slow
        name = f"callback {delivery.id}"
        task = asyncio.create_task(self._deliver(rendered), name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, delivery))

    def _end(self, task: asyncio.Task[None], delivery: deliveries.Delivery) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            self._free(delivery)
            return
        error = task.exception()
        logger.error("delivery %d could not be handled", delivery.id, exc_info=error)
        self._rest(delivery)

    def _rest(self, delivery: deliveries.Delivery) -> None:
        """Its ordering key stays busy for a while."""

        def end() -> None:
            self._resting.discard(timer)
            self._free(delivery)

        timer = asyncio.get_running_loop().call_later(TROUBLE_SECONDS, end)
        self._resting.add(timer)

    def _free(self, delivery: deliveries.Delivery) -> None:
        self._in_flight[delivery.endpoint].busy.pop(delivery.conversation, None)
        self._notifier.notify()

    async def _deliver(self, rendered: Rendered) -> None:
        delivery = rendered.delivery
        endpoint = self._endpoints[delivery.endpoint]
        number = delivery.tries + 1
        at = times.now()
        self._on_try(attempt_log.AttemptProgress(endpoint, rendered, number))
        outcome = await self._send(endpoint, rendered, at)
        # Of the endpoint, not only of this ordering key: its receiver does not answer anybody.
        self._in_flight[endpoint.id].hangs = outcome.error == "timeout"
        policy = self._config.policy_of(endpoint)
        verdict = callbacks.judge(
            policy, delivery.event, number, delivery.tries_allowed, outcome, times.now(), _jitter()
        )
        await self._record(
            attempts.AttemptEnded(
                delivery,
                at,
                outcome,
                verdict,
                rendered.body_hash,
                due_at=self._clock.now(),
                sizes=self._config.sizes,
                read_to=rendered.read_to,
            )
        )
        self._on_try(attempt_log.AttemptProgress(endpoint, rendered, number, outcome, verdict))

    async def _send(
        self, endpoint: endpoints.Endpoint, rendered: Rendered, at: int
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
                follows=not endpoint.is_added,
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
        self, endpoint: endpoints.Endpoint, rendered: Rendered, at: int
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
        return told + signatures.headers(webhook_id, times.seconds(at), rendered.body, keys)

    async def _record(self, tried: attempts.AttemptEnded) -> None:
        """Until it is stored: a try that is forgotten would be made again."""
        while True:
            try:
                await self._store.write(attempts.RECORD, tried)
                return
            except errors.ChatctlError as error:
                logger.warning("delivery %d is not marked yet: %s", tried.delivery.id, error)
                await asyncio.sleep(RECORD_AGAIN_SECONDS)

    async def wait(self, seen: int, next_at: int | None) -> None:
        """For the notifier to be notified again, or until that time."""
        if next_at is None:
            await self._notifier.wait(seen)
            return
        await self._notifier.notified_within(
            seen, max(0.0, (next_at - self._clock.now()) / times.SECOND)
        )


def _jitter() -> float:
    """So that what failed together does not come again together."""
    return random.uniform(-1, 1)  # noqa: S311  # not a secret


# Queries, run in a reader thread


def _due(db: Database, look: Look, rendering: Rendering) -> Due:
    enabled = [each for each in endpoints.present(db) if look.sends_to(each)]
    heads: list[Head] = []
    waits: list[int] = []
    first = look.turn % len(enabled) if enabled else 0
    for endpoint in enabled[first:] + enabled[:first]:
        heads += _heads(db, endpoint.id, look)
        next_at = deliveries.next_due(db, endpoint.id, look.now)
        waits += [] if next_at is None else [next_at]
    chosen = choose(heads, look)
    rendered = [rendering.render(db, each.delivery, is_slow=each.is_slow) for each in chosen]
    return Due(enabled, rendered, min(waits, default=None))


def _heads(db: Database, endpoint: int, look: Look) -> list[Head]:
    """Ordering keys that do not time out go first, but for the share of the others."""
    places = look.places.get(endpoint, Places())

    def waiting(is_slow: bool, most: int) -> list[Head]:
        limit = most + len(places.busy)
        rows = deliveries.due(
            db, endpoint, is_slow=is_slow, now=look.now, above=look.above, limit=limit
        )
        found = [Head(row, is_slow) for row in rows if row.conversation not in places.busy]
        return found[:most]

    if places.slots <= 0:
        return []
    slow = waiting(True, places.slow_slots) if places.slow_slots > 0 else []
    fast = waiting(False, places.slots)
    assured = max(0, places.slow_slots - SLOTS_OF_SLOW_KEYS + ASSURED_SLOTS)
    return (slow[:assured] + fast + slow[assured:])[: places.slots]


def choose(heads: Sequence[Head], look: Look) -> list[Head]:
    """As many as there are slots for. Whoever holds the fewest is first: no endpoint takes all
    that is left."""
    # A head's turn is how many of its endpoint's ordering keys go before it: sorted by that, with
    # ties as they came, the endpoints take turns.
    turns = Counter({number: len(each.busy) for number, each in look.places.items()})
    placed = []
    for head in heads:
        endpoint = head.delivery.endpoint
        placed.append((turns[endpoint], head))
        turns[endpoint] += 1
    chosen: list[Head] = []
    may_hang = look.may_hang
    for _, head in sorted(placed, key=lambda each: each[0]):
        hangs = head.is_slow or look.places.get(head.delivery.endpoint, Places()).hangs
        if len(chosen) == look.slots:
            break
        if not hangs or may_hang > 0:
            chosen.append(head)
            may_hang -= hangs
    return chosen
