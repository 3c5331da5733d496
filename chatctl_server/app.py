"""The composition root: the application as a server runs it, or a command in its own process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from chatctl_server import errors
from chatctl_server.actions import followers, logins, sessions
from chatctl_server.api import context as contexts
from chatctl_server.api import faces as api_faces
from chatctl_server.api import figures
from chatctl_server.api.context import Context
from chatctl_server.api.edge import Edge
from chatctl_server.api.faces import Broadcasters, Faces
from chatctl_server.api.management.face import MANAGEMENT
from chatctl_server.api.metrics import Metrics
from chatctl_server.api.pages.face import PAGES
from chatctl_server.api.rooms.face import ROOMS
from chatctl_server.api.routes import Routes
from chatctl_server.api.support.face import SUPPORT
from chatctl_server.api.support.operator.face import SUPPORT_OPERATORS
from chatctl_server.api.team.face import TEAM
from chatctl_server.api.team.operator.face import TEAM_OPERATORS
from chatctl_server.domain import access_tokens, events, times
from chatctl_server.live.attempts import Attempts
from chatctl_server.live.desk_sites import KnownSite
from chatctl_server.live.notifier import Notifier
from chatctl_server.live.presence import Limits, Presence
from chatctl_server.live.timer import TICK_SECONDS
from chatctl_server.process import memory, paths
from chatctl_server.settings.sources import Settings, database_path
from chatctl_server.storage import accounts, client_ids, log, maintenance, sites
from chatctl_server.storage import logins as stored_logins
from chatctl_server.storage.file_store import FileStore
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.workers import audit, deleted_messages, desk, room_retention
from chatctl_server.workers.clock import every
from chatctl_server.workers.files.sweeper import Sweeper
from chatctl_server.workers.follower import Follower
from chatctl_server.workers.supervise import Workers

if TYPE_CHECKING:
    from chatctl_server.workers.callbacks.attempt_log import AttemptProgress
    from chatctl_server.workers.callbacks.service import Callbacks

VERSION = version("chatctl")
FACES: Faces = (
    ROOMS,
    MANAGEMENT,
    TEAM,
    TEAM_OPERATORS,
    SUPPORT,
    SUPPORT_OPERATORS,
    PAGES,
)
HEARTBEAT_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 15.0
CLIENT_IDS_SECONDS = 60.0
LOGINS_SECONDS = 3600.0
MEMORY_SECONDS = 10.0
A_CROWD = 500  # fewer connections than there have been, and a quarter of them
SESSIONS_A_CALL = 500
CALLBACKS_STOP_SECONDS = 2.0
Role = Literal["server", "command", "reader"]
T = TypeVar("T")


class _OnDemand(Generic[T]):
    """Made at the first call, in the loop's thread."""

    def __init__(self, make: Callable[[], T]) -> None:
        self.made: T | None = None
        self._make = make

    def __call__(self) -> T:
        asyncio.get_running_loop()  # raises in any other thread
        if self.made is None:
            self.made = self._make()
        return self.made


class Application:
    """ASGI. ``lifespan`` opens the store and, for a server, starts followers and clocks."""

    def __init__(
        self,
        context: Context,
        role: Role,
        faces: Faces,
        callbacks: "_OnDemand[Callbacks]",
        sweeper: Sweeper,
    ) -> None:
        self.context = context
        self._callbacks = callbacks
        self._sweeper = sweeper
        self._role = role
        self._workers = Workers()
        is_server = role == "server"
        self.broadcasters = api_faces.broadcasters(faces, context) if is_server else {}
        self._routes = Routes(context, faces, self.broadcasters)
        self.edge = Edge(
            self._routes,
            version=VERSION,
            trusted_proxies=context.settings.trusted_proxies,
            limits=context.limits,
            origins=context.origins,
            metrics=context.metrics,
            sockets=api_faces.sockets(faces, context, self.broadcasters),
            in_process=not is_server,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.edge(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        store = self.context.store
        await asyncio.to_thread(maintenance.check_schema, store.path)
        async with contextlib.AsyncExitStack() as endings:
            endings.push_async_callback(store.close)
            endings.callback(self.context.files.close)
            await store.open(write=self._role != "reader")
            endings.push_async_callback(self._close_callbacks)
            endings.push_async_callback(self.context.passwords.close)
            if self._role == "server":
                endings.push_async_callback(self._stop)
                await self._start()
            yield

    async def _close_callbacks(self) -> None:
        if self._callbacks.made is not None:
            await self._callbacks.made.close()

    async def _start(self) -> None:
        context = self.context
        await _end_sessions(context.store, "crashed")
        context.hub.advance(await context.store.read(log.newest_offset))
        followed = Follower(
            audit.NAME, context.store, context.notifier, audit.Audit(context.store).handle
        )
        context.logins.begin(*await context.store.read(_without_access, times.now()))
        context.desk_sites.begin(await context.store.read(_known_sites))
        self._workers.start("login sessions", self._forget_logins)
        self._workers.start("audit", followed.run)
        await self._callbacks().start(self._workers)
        self._workers.start("heartbeat", self._heartbeat)
        self._workers.start("timer", lambda: every(TICK_SECONDS, context.timer.tick))
        self._workers.start("modules", self._import_modules)
        keep_alive = context.streams.keep_alive
        self._workers.start("keep-alive", lambda: every(KEEP_ALIVE_SECONDS, keep_alive))
        self._workers.start("memory", self._give_back_memory)
        self._workers.start("files", self._sweeper.run)
        days = context.settings.retention_closed_days
        self._workers.start("closed rooms", lambda: room_retention.run(context.store, days))
        deleted_days = context.settings.retention_deleted_days
        self._workers.start(
            "deleted messages", lambda: deleted_messages.run(context.store, deleted_days)
        )
        self._workers.start("desk", lambda: desk.run(context.store, context.desk_agents))
        if context.settings.client_id_hours:
            self._workers.start("client ids", self._age_client_ids)

    async def _stop(self) -> None:
        self.stop_streams()
        for each in self.broadcasters.values():
            each.stop()
        with contextlib.suppress(errors.ChatctlError):  # the next start ends them
            await _end_sessions(self.context.store, "stopped")
        await self._workers.stop()
        timeout_seconds = self.context.settings.shutdown_timeout_seconds
        await self._callbacks().stop(min(CALLBACKS_STOP_SECONDS, timeout_seconds / 5))

    def stop_streams(self) -> None:
        """Ends what would otherwise keep its connection for ever."""
        self.context.serving.stop()
        self.context.notifier.notify()
        self.context.tries.wake()

    async def _heartbeat(self) -> None:
        store = self.context.store
        await every(HEARTBEAT_SECONDS, lambda: store.write(followers.heartbeat))

    async def _import_modules(self) -> None:
        """Soon, though later would do: in an upgrade another version's are put in their place."""
        await asyncio.to_thread(self._routes.import_modules)
        await asyncio.Event().wait()  # a worker that ends is started again

    async def _give_back_memory(self) -> None:
        """When a crowd has gone. The pages that the writer read for it lie between what is free."""
        presence, store = self.context.presence, self.context.store

        async def look() -> None:
            left = presence.most_connections - presence.connections
            if left >= max(A_CROWD, presence.most_connections // 4):
                presence.most_connections = presence.connections
                with contextlib.suppress(errors.ChatctlError):
                    await store.free_cache()
                await asyncio.to_thread(memory.give_back)

        await every(MEMORY_SECONDS, look)

    async def _forget_logins(self) -> None:
        store = self.context.store

        async def forget() -> None:
            while await store.write(logins.forget):
                pass

        await every(LOGINS_SECONDS, forget)

    async def _age_client_ids(self) -> None:
        store, loop = self.context.store, asyncio.get_running_loop()
        limit = self.context.settings.client_id_hours * 3600 * times.SECOND
        last = loop.time()

        async def age() -> None:
            nonlocal last
            now = loop.time()
            passed = int((now - last) * times.SECOND)
            await store.write(lambda tx: client_ids.age(tx.db, passed, limit))
            last = now

        await every(CLIENT_IDS_SECONDS, age)


def create_app(
    settings: Settings,
    role: Role = "server",
    *,
    durable: bool = True,
    address: str = "",
    shown: str | None = None,
    is_private: bool = False,
    faces: Faces = FACES,
) -> Application:
    """``settings.database_url`` names a file that exists; in memory is the serving's affair.
    ``address`` and ``shown``, a name of the database, are what its status says. ``is_private``: the
    database is in memory, and whatever listens is this machine's alone.

    The role ``command`` is one command's own process and trusts it; ``reader`` only reads.
    """
    path = database_path(settings.database_url)
    if path is None:
        raise errors.InvalidSetting("The application needs a database file", field="DATABASE_URL")
    is_serving = role == "server"
    store = Store(path, durable=durable, clock=times.now, is_serving=is_serving)
    presence = Presence(_limits(settings))
    notifier, due, tries, metrics = Notifier(), Notifier(), Attempts(), Metrics(VERSION)

    def make() -> "Callbacks":
        """Few commands send callbacks, and all would pay for it."""
        from chatctl_server.workers.callbacks.service import Callbacks

        hear = _listening_to_tries(tries, metrics)
        return Callbacks(settings, store, notifier, presence.current_users, VERSION, due, hear)

    callbacks = _OnDemand(make)

    def routes_callbacks() -> contexts.CallbackCalls:
        made = callbacks()
        return contexts.CallbackCalls(
            made.request_of, made.deliver_due if role == "command" else None
        )

    files = FileStore(paths.upload_dir(settings, path))
    sweeper = Sweeper(store, files)
    context = Context(
        settings=settings,
        version=VERSION,
        store=store,
        files=files,
        check_files=sweeper.check,
        presence=presence,
        started_at=times.now(),
        notifier=notifier,
        due=due,
        tries=tries,
        metrics=metrics,
        callbacks=routes_callbacks,
        address=address,
        database=str(path) if shown is None else shown,
        is_durable=durable,
        is_serving=is_serving,
        is_support_open=is_serving
        and (settings.support_access or ("open" if is_private else "token")) == "open",
    )
    app = Application(context, role, faces, callbacks, sweeper)
    _connect(context, app.broadcasters)
    return app


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.max_connections,
        settings.max_connections_per_user,
        settings.max_connections_per_address,
    )


def _connect(context: Context, broadcasters: Broadcasters) -> None:
    """What a commit sets in motion: the faces' listeners, then whoever follows the log."""
    metrics = context.metrics

    def committed(recorded: Sequence[events.Event]) -> None:
        try:
            for entry in recorded:
                context.logins.publish(entry)
                context.chat_lists.publish(entry)
                context.directory.publish(entry)
                context.desk_sites.publish(entry)
                api_faces.publish(broadcasters, entry)
                context.hub.advance(entry.offset)
            posts = sum(isinstance(entry.payload, events.MessagePosted) for entry in recorded)
            metrics.messages.inc(posts)
        finally:
            context.notifier.notify()

    def calls_run(calls: int, seconds: float) -> None:
        metrics.batch_size.observe(calls)
        metrics.commit_seconds.observe(seconds)

    def frames_sent(frames: int, seconds: float) -> None:
        metrics.frames.inc(frames)
        metrics.fanout_seconds.observe(seconds)

    figures.measure(context)
    context.store.on_commit = committed
    context.store.on_batch = calls_run
    context.hub.on_flush = frames_sent


def _listening_to_tries(tries: Attempts, metrics: Metrics) -> Callable[["AttemptProgress"], None]:
    from chatctl_server.workers.callbacks import attempt_lines

    def hear(told: "AttemptProgress") -> None:
        if told.outcome is not None and told.verdict is not None:
            kind, outcome = told.endpoint.kind, attempt_lines.NEXT[type(told.verdict)]
            metrics.callback_tries.labels(kind, outcome).inc()
            metrics.callback_latency_seconds.labels(kind).observe(
                told.outcome.latency / times.SECOND
            )
        if tries.has_listeners:
            tries.publish(attempt_lines.line(told, times.now()))

    return hear


def _without_access(db: Database, now: int) -> tuple[list[str], list[int]]:
    """Login sessions that have ended while access tokens of theirs may not be over, and the
    accounts that nobody can be signed in as."""
    since = now - (access_tokens.SECONDS + access_tokens.LEEWAY_SECONDS) * times.SECOND
    return stored_logins.ended_since(db, since), accounts.suspended(db)


def _known_sites(db: Database) -> list[KnownSite]:
    return [
        KnownSite(each.id, each.ref.scope, each.ref.workspace, each.settings)
        for each in sites.every(db)
    ]


async def _end_sessions(store: Store, reason: events.LeaveReason) -> None:
    while await store.write(sessions.end_all, reason, SESSIONS_A_CALL) == SESSIONS_A_CALL:
        pass
