"""Callbacks as a whole: the planner that follows the log, the sender, and the clocks of syncs."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server.actions import callbacks as actions
from chatctl_server.actions import endpoints as operating
from chatctl_server.actions import history_batches as runs
from chatctl_server.domain import callbacks, signatures, times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.domain.references import ConversationRef
from chatctl_server.live.notifier import Notifier
from chatctl_server.settings.sources import Settings
from chatctl_server.settings.table import masked
from chatctl_server.storage import deliveries, endpoints, server_state
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.views.deliveries import RequestObject
from chatctl_server.workers.callbacks import attempt_log, retention, sync_clocks
from chatctl_server.workers.callbacks.address_guard import AddressGuard
from chatctl_server.workers.callbacks.delivery_planner import Planner
from chatctl_server.workers.callbacks.http_client import HttpClient
from chatctl_server.workers.callbacks.renderer import Rendering
from chatctl_server.workers.callbacks.sender import PAUSE_SECONDS, Config, Sender
from chatctl_server.workers.callbacks.sync_planner import SyncPlanner
from chatctl_server.workers.callbacks.sync_runs import SyncRuns
from chatctl_server.workers.supervise import Workers, at_the_end


class DueDelivered(NamedTuple):
    """How many deliveries arrived, failed or were skipped, and are left. Unless ``is_planned``
    there would be more: the time was over before."""

    delivered: int
    failed: int
    pending: int
    is_planned: bool


class Callbacks:
    """``current_users``: how many are connected to a conversation."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        log_notifier: Notifier,
        current_users: Callable[[ConversationRef], int],
        version: str,
        due: Notifier,
        on_try: Callable[[attempt_log.AttemptProgress], None],
    ) -> None:
        """``due`` is notified when there may be something to send; ``on_try``: a try begins or
        ends."""
        self._settings = settings
        self._store = store
        self._clock = times.SteadyClock()
        self._notifier = due
        self._on_try = on_try
        self._sync_runs = SyncRuns()
        self._ended: Counter[type[callbacks.Verdict]] = Counter()
        self._is_planned = False  # by a command: all that there is
        self._is_started = False
        config = self._config(f"chatctl/{version}")
        sync_due = Notifier()
        self._planner = Planner(store, log_notifier, due, sync_due, self._clock, self._tries_of)
        self._sync_planner = SyncPlanner(
            store, sync_due, due, config.sizes, self._clock, self._sync_runs
        )
        self._client = HttpClient()
        self._rendering = Rendering(current_users, settings.sync_history_limit, times.now)
        self._sender = Sender(
            store, due, self._client, self._rendering, self._clock, config, self._hear
        )

    def _config(self, user_agent: str) -> Config:
        settings = self._settings
        return Config(
            timeout_seconds=settings.callback_timeout_seconds,
            user_agent=user_agent,
            sizes=runs.Sizes(
                messages=settings.chat_history_batch_size,
                sessions=settings.session_history_batch_size,
                tries=1 + settings.callback_max_retries,
            ),
            policy_of=self._policy_of,
            keys_of=self._keys_of,
            guard=AddressGuard(settings.callback_allow_networks),
        )

    async def start(self, workers: Workers) -> None:
        await self._store.write(actions.configure, self._urls(), self._clock.now())
        is_signed = bool(self._settings.callback_signing_secret)
        await self._store.write(actions.note_signing, is_signed)
        self._rendering.begin(await self._store.read(deliveries.unsure))
        while await self._store.write(operating.skip_of_removed):
            pass
        _tell_urls(self._urls())
        workers.start("callbacks: planning", self._planner.run)
        workers.start("callbacks: planning syncs", self._sync_planner.run)
        workers.start("callbacks: sending", self._sender.run)
        days = self._settings.callback_retention_days
        workers.start("callbacks: forgetting", lambda: retention.run(self._store, days))
        sync_clocks.start(workers, self._store, self._settings, self._urls())
        self._is_started = True

    async def stop(self, seconds: float) -> None:
        """After the workers, and after the sessions have ended: their ends are still sent, unless
        an earlier delivery of their room is pending, or half of the time is over before there is a
        slot for them. All else waits for the next start."""
        deadline = asyncio.get_running_loop().time() + seconds
        if self._is_started:
            if self._sender.under_way:
                attempt_log.logger.info(
                    "%d callbacks are under way; the stop waits for them", self._sender.under_way
                )
            await at_the_end("callbacks: planning", lambda: self._tell_last(deadline))
        await self._sender.finish(deadline)

    async def _tell_last(self, deadline: float) -> None:
        newest = await self._store.read(deliveries.newest_id)
        async with _until_halfway(deadline):
            while await self._planner.step(in_haste=True):
                pass
            await self._planner.catch_up()
        await self._send_last(newest, deadline)

    async def _send_last(self, newest: int, deadline: float) -> None:
        """What was planned after that delivery. Each begins with at least half of what is left of
        the time before it."""
        async with _until_halfway(deadline):
            while True:
                seen = self._notifier.count
                await self._sender.start_due(above=newest)
                # One that ended during the look may have kept a room's end waiting.
                if not self._sender.under_way and self._notifier.count == seen:
                    return
                await asyncio.sleep(PAUSE_SECONDS)
                await self._notifier.wait(seen)

    async def close(self) -> None:
        """Ends the connections, after a stop."""
        await self._client.close()

    async def deliver_due(self, seconds: float) -> DueDelivered:
        """Without the workers, for a command on the file: plans and sends until nothing is
        pending, for that long at most. What is under way then is cut off, and sent again.

        A URL of the last server's that this command's settings do not name is not removed: what
        it is to hear of is planned, and waits for the next server. So does what that server would
        have signed with a secret that these settings do not have."""
        self._ended.clear()
        urls = self._urls()
        named = {kind: url for kind, url in urls.items() if url is not None}
        await self._store.write(actions.configure, named, self._clock.now())
        was_signed = bool(await self._store.read(server_state.value, server_state.SIGNED))
        is_signed = bool(self._settings.callback_signing_secret)
        self._sender.leave(urls.keys() - named.keys(), without_secret=was_signed and not is_signed)
        self._rendering.begin(await self._store.read(deliveries.unsure))
        await self._planner.begin()
        self._is_planned = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._drain()
        await self._sender.finish(0.0)
        outstanding = await self._store.read(deliveries.outstanding)
        return DueDelivered(
            delivered=self._ended[callbacks.Delivered],
            failed=self._ended[callbacks.GivenUp] + self._ended[callbacks.Skipped],
            pending=deliveries.in_all(outstanding.values()).pending,
            is_planned=self._is_planned,
        )

    async def _drain(self) -> None:
        while True:
            seen = self._notifier.count
            has_events = await self._planner.step(in_haste=True)
            has_syncs = await self._sync_planner.step()
            next_at = await self._sender.start_due()
            if has_events or has_syncs:
                continue
            self._is_planned = True
            is_unchanged = self._notifier.count == seen  # else something ended after the look
            if next_at is None and not self._sender.under_way and is_unchanged:
                return
            await self._sender.wait(seen, next_at)

    def _urls(self) -> dict[EndpointKind, str | None]:
        settings = self._settings
        return {
            "data": settings.data_callback_url,
            "room_event": settings.room_event_callback_url,
            "chat_history": settings.chat_history_callback_url,
            "session_history": settings.session_history_callback_url,
            "periodic_sync": settings.periodic_sync_callback_url,
        }

    def request_of(self, db: Database, delivery: deliveries.Delivery) -> RequestObject:
        """A query: what would be sent now, but for what each try has of its own: the time of its
        signature, and the signature, which shows what is whole."""
        endpoint = endpoints.one(db, delivery.endpoint)
        assert endpoint is not None
        rendered = self._rendering.render(db, delivery, is_slow=False)
        headers = dict(self._sender.headers(endpoint, rendered, times.now()))
        headers |= {name: "…" for name in signatures.OF_A_TRY if name in headers}
        body = None if rendered.trouble is not None else msgspec.Raw(rendered.body)
        return RequestObject(masked(endpoint.url), headers, body)

    def _policy_of(self, endpoint: endpoints.Endpoint) -> callbacks.Policy:
        return operating.policy_of(endpoint, self._settings)

    def _tries_of(self, endpoint: endpoints.Endpoint) -> int:
        return self._policy_of(endpoint).tries

    def _keys_of(self, endpoint: endpoints.Endpoint, now: int) -> Sequence[bytes]:
        """The newest first; what was before it for as long as receivers may still have it."""
        common = self._settings.callback_signing_secret
        secrets = list(common) if endpoint.secret is None else [endpoint.secret]
        if endpoint.previous_until is not None and now < endpoint.previous_until:
            secrets += (endpoint.previous_secret or "").split()
        return list(dict.fromkeys(map(signatures.key, secrets)))

    def _hear(self, told: attempt_log.AttemptProgress) -> None:
        attempt_log.log(told)
        self._on_try(told)
        if told.verdict is not None and not isinstance(told.verdict, callbacks.Again):
            self._ended[type(told.verdict)] += 1
            if told.rendered.delivery.event in callbacks.STATES:
                self._sync_runs.finished(told.rendered.delivery.first)


@contextlib.asynccontextmanager
async def _until_halfway(deadline: float) -> AsyncIterator[None]:
    """What takes longer than half of the time that is left is cut off in silence."""
    halfway = (asyncio.get_running_loop().time() + deadline) / 2
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(halfway):
            yield


def _tell_urls(urls: Mapping[EndpointKind, str | None]) -> None:
    """They are the operator's own word: loopback and private addresses are allowed."""
    named = ", ".join(f"{kind} to {masked(url)}" for kind, url in urls.items() if url is not None)
    if named:
        attempt_log.logger.info("callbacks go to any address that the settings name: %s", named)
