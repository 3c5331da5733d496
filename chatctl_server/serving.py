"""``chatctl serve``: lock, migration, sockets, uvicorn, and a stop in the reverse order."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop

from chatctl_server import logs
from chatctl_server.app import VERSION, Application, create_app
from chatctl_server.errors import AddressUnavailable
from chatctl_server.live.arrivals import Arrivals
from chatctl_server.live.http_protocol import HttpProtocol
from chatctl_server.live.websocket_protocol import WebSocketProtocol
from chatctl_server.process import fingerprints, lock, memory, servers, sockets
from chatctl_server.process.paths import Paths, find_paths
from chatctl_server.settings.sources import (
    Loaded,
    Settings,
    misspelt_in_environment,
    parse,
    secret_values,
)
from chatctl_server.storage import maintenance

logger = logging.getLogger("chatctl.server")
SPARE_FILES = 200
SWITCH_SECONDS = 0.001
COLLECT_AFTER = (700, 10, 1000)


def serve(loaded: Loaded, *, lock_timeout_seconds: float = 10.0) -> int:
    """Runs until SIGTERM or SIGINT; 0 after an orderly stop. Raises ChatctlError."""
    settings = loaded.settings
    logs.configure(
        settings.log_format,
        settings.log_level,
        color=_is_colored(),
        secrets=secret_values(settings),
    )
    directory = servers.runtime_dir()
    _remove_dead(directory)
    place = find_paths(settings, directory)
    place.warnings.extend([*loaded.warnings, *misspelt_in_environment()])
    with contextlib.ExitStack() as stack:
        tcp = _bound(settings, place, stack)  # before anything is made
        held = stack.enter_context(
            lock.acquire(
                place.lock_path, "server", lock_timeout_seconds, database=str(place.database)
            )
        )
        try:
            tcp = tcp or sockets.bound_to(settings.bind_address, stack)
            migrated = maintenance.prepare(place.database, durable=place.is_durable)
            if migrated.backup is not None:
                place.notices.append(
                    f"the schema is {migrated.schema} now; as it was before: {migrated.backup}"
                )
            if place.database.stat().st_nlink > 1:
                place.warnings.append(
                    f"{place.database} has a second name (a hard link): only one of them is locked"
                )
            settings = _with_jwt_secret(_with_key(settings, place), place)
            settings = _with_files(settings, place, loaded.origin)
            _run(settings, place, held, directory, fingerprints.taken(loaded), tcp)
        finally:
            place.remove_if_temporary()
    return 0


def _bound(settings: Settings, place: Paths, stack: contextlib.ExitStack) -> list[socket.socket]:
    """None yet, where the addresses are those of a server that has the database: it may be
    stopping, and the lock says which one it is."""
    try:
        return sockets.bound_to(settings.bind_address, stack)
    except AddressUnavailable:
        if lock.read(place.lock_path) is None:
            place.remove_if_temporary()
            raise
        return []


def _is_colored() -> bool:
    """https://no-color.org and https://bixense.com/clicolors."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _remove_dead(directory: Path) -> None:
    for holder in servers.remove_dead(directory):
        if holder.database is not None:
            home = Path(holder.database).parent
            if home.name.startswith("chatctl-"):
                shutil.rmtree(home, ignore_errors=True)


def _with_key(settings: Settings, place: Paths) -> Settings:
    if settings.admin_api_key:
        return settings
    key, is_new = place.admin_key()
    logs.add_secret(key)
    if is_new:
        place.notices.append(f"no ADMIN_API_KEY is set: one was written to {place.key_file}")
    return msgspec.structs.replace(settings, admin_api_key=(key,))


def _with_jwt_secret(settings: Settings, place: Paths) -> Settings:
    if settings.jwt_secret:
        return settings
    text = place.jwt_secret()
    logs.add_secret(text)
    secrets = parse("JWT_SECRET", text, f"file {place.jwt_secret_file}")
    return msgspec.structs.replace(settings, jwt_secret=secrets)


def _with_files(settings: Settings, place: Paths, origin: Mapping[str, str]) -> Settings:
    """Raises the limit of open files; a MAX_CONNECTIONS above it is lowered, and that is said."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return settings
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft >= wanted:
        return settings
    possible = max(1, soft - SPARE_FILES)
    lines = place.notices if origin["MAX_CONNECTIONS"] == "default" else place.warnings
    lines.append(
        f"MAX_CONNECTIONS is lowered from {settings.max_connections} to {possible}: "
        f"this process may open {soft} files"
    )
    return msgspec.structs.replace(settings, max_connections=possible)


def _run(
    settings: Settings,
    place: Paths,
    held: lock.Lock,
    directory: Path,
    configured: lock.Configured,
    tcp: list[socket.socket],
) -> None:
    settings = msgspec.structs.replace(settings, database_url=f"sqlite://{place.database}")
    with sockets.sockets(tcp, place.socket_path) as listeners:
        urls = [sockets.url(each) for each in listeners.tcp]
        shown = "memory" if place.is_temporary else str(place.database)
        is_private = place.is_temporary and all(
            sockets.is_loopback(each.host) for each in settings.bind_address
        )
        app = create_app(
            settings,
            durable=place.is_durable,
            address=urls[0],
            shown=shown,
            is_private=is_private,
        )

        def ready() -> None:
            held.ready(urls[0], str(place.socket_path), VERSION, _key_file(place), configured)
            servers.register(held, directory)
            _tell(settings, place, urls, is_desk_open=app.context.is_support_open)
            sockets.notify_systemd("READY=1")

        def stopping() -> None:
            sockets.notify_systemd("STOPPING=1")
            held.stopping()
            app.stop_streams()
            asyncio.get_running_loop().call_later(
                settings.shutdown_timeout_seconds / 2, app.context.store.interrupt
            )

        _keep_pauses_short()
        memory.share()
        server = _Server(_uvicorn_config(settings, app), ready, stopping)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(app, server, listeners.all()))
    logger.info("stopped")


def _keep_pauses_short() -> None:
    """For an admin's action beside a room under full load, see docs/decisions/0021."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_SECONDS)


async def _serve(app: Application, server: "_Server", sockets: list[Any]) -> None:
    async with app.lifespan():
        await server.serve(sockets)


def _key_file(place: Paths) -> str | None:
    return str(place.key_file) if place.key_file.exists() else None


def _uvicorn_config(settings: Settings, app: Application) -> uvicorn.Config:
    class Protocol(HttpProtocol):
        handshake_timeout_seconds = settings.handshake_timeout_seconds
        max_open = settings.max_connections + SPARE_FILES // 2
        arrivals = Arrivals(settings.new_connections_per_second)
        refused = staticmethod(app.edge.refused)
        timer = app.context.timer
        traffic = app.context.hub.traffic

    class Upgraded(WebSocketProtocol):
        __slots__ = ()
        log_refused = staticmethod(app.edge.log_refused)
        timer = app.context.timer
        traffic = app.context.hub.traffic

    return uvicorn.Config(
        app,
        http=Protocol,
        ws=Upgraded,
        lifespan="off",
        log_config=None,
        access_log=False,  # the edge knows the caller's address, uvicorn only the proxy's
        proxy_headers=False,
        server_header=False,
        backlog=4096,
        ws_max_size=settings.max_frame_bytes,
        ws_ping_interval=None,  # the protocol class pings
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=max(1, settings.shutdown_timeout_seconds - 2),
    )


class _Server(uvicorn.Server):
    """Tells when it listens and when it stops, and does not raise the signal again."""

    def __init__(self, config: uvicorn.Config, ready: Any, stopping: Any) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: Any = None) -> None:
        self._stopping()
        seconds = max(0.5, (self.config.timeout_graceful_shutdown or 0) - 0.5)
        cutting = asyncio.get_running_loop().call_later(seconds, self._cut_off)
        await super().shutdown(sockets)
        cutting.cancel()

    def _cut_off(self) -> None:
        """Whoever is still reading: it is time to end in order."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """A second signal changes nothing."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGHUP stops a server that has a terminal, and is ignored by one that has none."""
        hangup = (
            self.handle_exit if sys.stdin is not None and sys.stdin.isatty() else signal.SIG_IGN
        )
        handlers = {
            signal.SIGINT: self.handle_exit,
            signal.SIGTERM: self.handle_exit,
            signal.SIGHUP: hangup,
        }
        for number, each in handlers.items():
            signal.signal(number, each)
        yield  # they stay: a second signal, in the middle of the stop, must not cut it off


def _tell(settings: Settings, place: Paths, urls: list[str], *, is_desk_open: bool) -> None:
    logger.info("chatctl %s listens on %s", VERSION, ", ".join(urls))
    if place.is_temporary:
        logger.warning(
            "the database is in memory: all data is lost at the stop; "
            "keep it with chatctl serve --db sqlite:./chat.db"
        )
    if is_desk_open:
        logger.info(
            "the support desk is open: whoever comes from this machine, and through no proxy, is "
            "an agent; SUPPORT_ACCESS=token asks for credentials"
        )
    for notice in place.notices:
        logger.info("%s", notice)
    for warning in place.warnings:
        logger.warning("%s", warning)
    public = [each for each in settings.bind_address if not sockets.is_loopback(each.host)]
    if not public:
        logger.info(
            "only this machine can connect; to open it: %s--bind 0.0.0.0:%s, or a proxy",
            "ROOM_IDENTITY=token and " if settings.room_identity == "open" else "",
            urls[0].rpartition(":")[2],
        )
    elif settings.room_identity == "open":
        logger.warning("%s", sockets.joins_as_anybody(public[0]))
