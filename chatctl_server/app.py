"""The composition root: the application as a server runs it, or a command in its own process."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chatctl_server import errors
from chatctl_server.api.context import Context
from chatctl_server.api.gate import App, Gate
from chatctl_server.api.rooms.audience import Audience
from chatctl_server.api.routing import InParts, whole
from chatctl_server.conversation import following, membership
from chatctl_server.domain import facts, times
from chatctl_server.live.presence import Limits, Presence
from chatctl_server.settings import Settings, database_path
from chatctl_server.storage import deliveries, log, maintenance
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.views.deliveries import Request
from chatctl_server.workers import audit
from chatctl_server.workers.clock import every
from chatctl_server.workers.follower import Follower
from chatctl_server.workers.supervise import Workers

if TYPE_CHECKING:
    from chatctl_server.workers.callbacks import Callbacks, Drained
    from chatctl_server.workers.telling import Told

VERSION = version("chatctl")
SIGN_OF_LIFE_SECONDS = 30.0
STALL_CHECK_SECONDS = 2.0
SESSIONS_A_CALL = 500
CALLBACKS_STOP_SECONDS = 2.0
Role = Literal["server", "command", "reader"]


class Application:
    """ASGI. ``lifespan`` opens the store and, for a server, starts followers and clocks."""

    def __init__(self, context: Context, role: Role, audience: Audience, app: App) -> None:
        self.context = context
        self._role = role
        self._audience = audience
        self._workers = Workers()
        context.request_of = self._request_of
        if role == "command":
            context.deliver_due = self._deliver_due
        self.gate = Gate(
            app,
            version=VERSION,
            trusted_proxies=context.settings.trusted_proxies,
            in_process=role != "server",
        )

    @functools.cached_property
    def _callbacks(self) -> "Callbacks":
        """Made when it is needed: few commands send callbacks, and all would pay for it."""
        from chatctl_server.workers.callbacks import Callbacks

        context = self.context
        return Callbacks(
            context.settings,
            context.store,
            context.bell,
            context.presence.current_users,
            VERSION,
            context.due,
            _listening_to_tries(context),
        )

    def _request_of(self, database: Database, delivery: deliveries.Stored) -> Request:
        return self._callbacks.request_of(database, delivery)

    async def _deliver_due(self, seconds: float) -> "Drained":
        return await self._callbacks.deliver_due(seconds)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.gate(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        store = self.context.store
        await asyncio.to_thread(maintenance.check_schema, store.path)
        async with contextlib.AsyncExitStack() as endings:
            endings.push_async_callback(store.close)
            await store.open(write=self._role != "reader")
            endings.push_async_callback(self._close_callbacks)
            if self._role == "server":
                endings.push_async_callback(self._stop)
                await self._start()
            yield

    async def _close_callbacks(self) -> None:
        if "_callbacks" in vars(self):
            await self._callbacks.close()

    async def _start(self) -> None:
        context = self.context
        await _end_sessions(context.store, "crashed")
        context.hub.advance(await context.store.read(log.newest_offset))
        followed = Follower(
            audit.NAME, context.store, context.bell, audit.Audit(context.store).handle
        )
        self._workers.start("audit", followed.run)
        await self._callbacks.start(self._workers)
        self._workers.start("sign of life", self._show_life)
        self._workers.start("stalled clients", self._drop_stalled)

    async def _stop(self) -> None:
        self.stop_streams()
        self._audience.stop()
        with contextlib.suppress(errors.ChatctlError):  # the next start ends them
            await _end_sessions(self.context.store, "stopped")
        await self._workers.stop()
        timeout_seconds = self.context.settings.shutdown_timeout_seconds
        await self._callbacks.stop(min(CALLBACKS_STOP_SECONDS, timeout_seconds / 5))

    def stop_streams(self) -> None:
        """Ends what would otherwise keep its connection for ever."""
        self.context.is_stopping = True
        self.context.bell.ring()
        self.context.tries.wake()

    async def _show_life(self) -> None:
        store = self.context.store
        await every(SIGN_OF_LIFE_SECONDS, lambda: store.write(following.sign_of_life))

    async def _drop_stalled(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()

        async def check() -> None:
            nonlocal last
            now = loop.time()
            late = max(0.0, now - last - STALL_CHECK_SECONDS)
            self.context.metrics.loop_lag_seconds.set(late)
            self.context.presence.drop_stalled(now)
            last = now

        await every(STALL_CHECK_SECONDS, check)


def create_app(settings: Settings, role: Role = "server", *, durable: bool = True) -> Application:
    """``settings.database_url`` names a file that exists; in memory is the serving's affair.

    The role ``command`` is one command's own process and trusts it; ``reader`` only reads.
    """
    path = database_path(settings.database_url)
    if path is None:
        raise errors.InvalidSetting("The application needs a database file", field="DATABASE_URL")
    context = _context(settings, path, role, durable=durable)
    audience = Audience(context.hub, context.presence)
    _connect(context, audience)
    routes = whole if role == "server" else InParts
    return Application(context, role, audience, routes(context, audience))


def _context(settings: Settings, path: Path, role: Role, *, durable: bool) -> Context:
    limits = Limits(
        settings.max_connections,
        settings.max_connections_per_user,
        settings.max_connections_per_address,
    )
    context = Context(
        settings=settings,
        version=VERSION,
        store=Store(path, durable=durable, clock=times.now, is_serving=role == "server"),
        presence=Presence(limits),
        started_at=times.now(),
    )
    context.is_durable = durable
    context.is_serving = role == "server"
    return context


def _connect(context: Context, audience: Audience) -> None:
    """What a commit sets in motion: the rooms' listeners, then whoever follows the log."""

    metrics = context.metrics

    def committed(recorded: Sequence[facts.Recorded]) -> None:
        try:
            for entry in recorded:
                audience.hear(entry)
            posts = sum(isinstance(entry.fact, facts.MessagePosted) for entry in recorded)
            metrics.messages.inc(posts)
        finally:
            context.bell.ring()

    def calls_run(calls: int, seconds: float) -> None:
        metrics.batch_size.observe(calls)
        metrics.commit_seconds.observe(seconds)

    def frames_sent(frames: int, seconds: float) -> None:
        metrics.deliveries.inc(frames)
        metrics.fanout_seconds.observe(seconds)

    context.store.on_commit = committed
    context.store.on_batch = calls_run
    context.hub.on_flush = frames_sent


def _listening_to_tries(context: Context) -> Callable[["Told"], None]:
    from chatctl_server.workers import try_lines

    metrics = context.metrics

    def hear(told: "Told") -> None:
        if told.outcome is not None and told.verdict is not None:
            kind, outcome = told.endpoint.kind, try_lines.NEXT[type(told.verdict)]
            metrics.callback_tries.labels(kind, outcome).inc()
            metrics.callback_latency_seconds.labels(kind).observe(
                told.outcome.latency / times.SECOND
            )
        if context.tries.has_listeners:
            context.tries.publish(try_lines.line(told, times.now()))

    return hear


async def _end_sessions(store: Store, reason: facts.LeaveReason) -> None:
    while await store.write(membership.end_all, reason, SESSIONS_A_CALL) == SESSIONS_A_CALL:
        pass
