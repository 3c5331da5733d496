"""Callbacks as a whole: the planner that follows the log, the sender, and the clocks of syncs."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.conversation import announcements
from chatctl_server.conversation import batches as runs
from chatctl_server.conversation import callbacks as verbs
from chatctl_server.conversation import endpoints as operating
from chatctl_server.domain import callbacks, facts, times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.live.bell import Bell
from chatctl_server.setting_table import masked
from chatctl_server.settings import Settings
from chatctl_server.storage import deliveries, endpoints
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.views.deliveries import Request
from chatctl_server.workers import forgetting, signing, telling
from chatctl_server.workers.address_guard import Guard
from chatctl_server.workers.clock import after_each
from chatctl_server.workers.delivering import Config, Sender
from chatctl_server.workers.http_client import Client
from chatctl_server.workers.planning import Planner
from chatctl_server.workers.rendering import Rendering
from chatctl_server.workers.supervise import Workers
from chatctl_server.workers.sync_runs import SyncRuns

logger = logging.getLogger("chatctl.sync")


class Drained(NamedTuple):
    """How many deliveries arrived, were given up or skipped, and are left."""

    delivered: int
    failed: int
    pending: int


class Callbacks:
    """``current_users``: how many are connected to a conversation."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        log_bell: Bell,
        current_users: Callable[[int], int],
        version: str,
        due: Bell,
        on_try: Callable[[telling.Told], None],
    ) -> None:
        """``due`` rings when there may be something to send; ``on_try``: a try begins or ends."""
        self._settings = settings
        self._store = store
        self._log_bell = log_bell
        self._clock = times.SteadyClock()
        self._bell = due
        self._on_try = on_try
        self._sync_runs = SyncRuns()
        self._ended: Counter[type[callbacks.Verdict]] = Counter()
        sizes = runs.Sizes(
            messages=settings.chat_history_batch_size,
            sessions=settings.session_history_batch_size,
            tries=1 + settings.callback_max_retries,
        )
        self._planner = Planner(
            store, log_bell, self._bell, sizes, self._clock, self._sync_runs, self._tries_of
        )
        self._rendering = Rendering(current_users, settings.sync_history_limit, times.now)
        self._sender = Sender(
            store,
            self._bell,
            Client(),
            self._rendering,
            self._clock,
            Config(
                timeout_seconds=settings.callback_timeout_seconds,
                user_agent=f"chatctl/{version}",
                sizes=sizes,
                policy_of=self._policy_of,
                keys_of=self._keys_of,
                guard=Guard(settings.callback_allow_networks),
            ),
            self._hear,
        )

    async def start(self, workers: Workers) -> None:
        await self._store.write(verbs.configure, self._urls(), self._clock.now())
        while await self._store.write(operating.skip_of_removed):
            pass
        _tell_urls(self._urls())
        workers.start("callbacks: planning", self._planner.run)
        workers.start("callbacks: sending", self._sender.run)
        workers.start("callbacks: forgetting", self._forget)
        self._start_clocks(workers)

    async def _forget(self) -> None:
        await forgetting.run(self._store, self._settings.callback_retention_days)

    async def stop(self, seconds: float) -> None:
        """After the workers: what is under way may end, the rest waits for the next start."""
        with contextlib.suppress(errors.ChatctlError):  # the next start reads it again
            await self._planner.finish()
        await self._sender.finish(seconds)

    async def deliver_due(self, seconds: float) -> Drained:
        """Without the workers, for a command on the file: plans and sends until nothing is
        pending, for that long at most. What is under way then is cut off, and sent again."""
        self._ended.clear()
        await self._store.write(verbs.configure, self._urls(), self._clock.now())
        await self._planner.begin()
        try:
            async with asyncio.timeout(seconds):
                await self._drain()
        except TimeoutError:
            pass
        await self._sender.finish(0)
        backlog = await self._store.read(deliveries.backlog)
        return Drained(
            delivered=self._ended[callbacks.Delivered],
            failed=self._ended[callbacks.GivenUp] + self._ended[callbacks.Skipped],
            pending=sum(count for count, _ in backlog.values()),
        )

    async def _drain(self) -> None:
        while True:
            seen = self._bell.count
            while await self._planner.step():
                pass
            next_at = await self._sender.start_due()
            is_unchanged = self._bell.count == seen  # else something ended after the look
            if next_at is None and self._sender.is_idle and is_unchanged:
                return
            await self._sender.wait(seen, next_at)

    def _start_clocks(self, workers: Workers) -> None:
        settings = self._settings
        _tell_interval(settings.sync_interval_seconds)
        self._start_clock(workers, settings.sync_interval_seconds, announcements.STATES)
        chat_seconds = settings.chat_history_batch_interval_seconds
        self._start_clock(workers, chat_seconds, ("chat_history",))
        session_seconds = settings.session_history_batch_interval_seconds
        self._start_clock(workers, session_seconds, ("session_history",))

    def _start_clock(
        self, workers: Workers, seconds: int, kinds: tuple[facts.SyncKind, ...]
    ) -> None:
        urls = self._urls()
        received = tuple(kind for kind in kinds if urls[callbacks.RECEIVERS[kind]] is not None)
        if not seconds or not received:
            return

        async def request() -> None:
            await self._store.write(announcements.request_sync, verbs.SERVER, received)

        async def run() -> None:
            await after_each(seconds, request)

        workers.start(f"clock: {', '.join(received)}", run)

    def _urls(self) -> dict[EndpointKind, str | None]:
        settings = self._settings
        return {
            "data": settings.data_callback_url,
            "room_event": settings.room_event_callback_url,
            "chat_history": settings.chat_history_callback_url,
            "session_history": settings.session_history_callback_url,
            "periodic_sync": settings.periodic_sync_callback_url,
        }

    def request_of(self, db: Database, delivery: deliveries.Stored) -> Request:
        """A question: what would be sent now. Without a signature: it shows what is whole."""
        endpoint = endpoints.one(db, delivery.endpoint)
        assert endpoint is not None
        rendered = self._rendering.render(db, delivery, is_slow=False)
        headers = dict(self._sender.headers(endpoint, rendered, times.now()))
        if "webhook-signature" in headers:
            headers["webhook-signature"] = "…"
        body = None if rendered.trouble is not None else msgspec.Raw(rendered.body)
        return Request(masked(endpoint.url), headers, body)

    def _policy_of(self, endpoint: endpoints.Stored) -> callbacks.Policy:
        return operating.policy_of(endpoint, self._settings)

    def _tries_of(self, endpoint: endpoints.Stored) -> int:
        return self._policy_of(endpoint).tries

    def _keys_of(self, endpoint: endpoints.Stored, now: int) -> Sequence[bytes]:
        """The newest first; the one before it for as long as receivers may still have it."""
        secrets = [endpoint.secret or self._settings.callback_signing_secret]
        if endpoint.previous_until is not None and now < endpoint.previous_until:
            secrets.append(endpoint.previous_secret)
        return [signing.key(secret) for secret in secrets if secret is not None]

    def _hear(self, told: telling.Told) -> None:
        telling.log(told)
        self._on_try(told)
        if told.verdict is not None and not isinstance(told.verdict, callbacks.Again):
            self._ended[type(told.verdict)] += 1
            if told.rendered.delivery.event in callbacks.STATES:
                self._sync_runs.settled(told.rendered.delivery.first)


def _tell_urls(urls: Mapping[EndpointKind, str | None]) -> None:
    """They are the operator's own word: loopback and private addresses are allowed."""
    named = ", ".join(f"{kind} to {masked(url)}" for kind, url in urls.items() if url is not None)
    if named:
        telling.logger.info("callbacks go to any address that the settings name: %s", named)


def _tell_interval(seconds: int) -> None:
    if seconds:
        logger.info("启动定时同步服务，间隔: %d秒", seconds)
    else:
        logger.info("定时同步已禁用")
