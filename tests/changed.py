"""What a test changes of the real ``chatctl``, in the process that becomes it and before it begins:
``world.Server`` is given the name of one of these as its ``program``. They run in the server's
directory, through whose files they are spoken to.
"""

import asyncio
import gc
import signal
import time
from pathlib import Path
from typing import Any

import argon2
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.server import ServerProtocol

from chatctl_server import app, serving
from chatctl_server.api.rooms.member import Member
from chatctl_server.live import subscriber, websocket_protocol
from chatctl_server.live.http_protocol import HttpProtocol
from chatctl_server.live.websocket_protocol import WebSocketProtocol
from chatctl_server.process import sockets
from chatctl_server.storage import log, store
from chatctl_server.workers.callbacks import sync_planner

LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000)"
    " SELECT count(*) FROM n"
)


def plain_asgi() -> None:
    """Sockets have no way past ASGI, but what uvicorn has of its own."""
    serving.WebSocketProtocol = WebSocketsSansIOProtocol  # type: ignore[misc, assignment]
    HttpProtocol._upgrade = HttpToolsProtocol.handle_websocket_upgrade  # type: ignore[method-assign]


def soon_silent() -> None:
    """Streams are kept alive five times a second."""
    app.KEEP_ALIVE_SECONDS = 0.2


def short_patience() -> None:
    """Pings come every second, and a client has one second where it has ten otherwise. The
    system's own limit of unacknowledged bytes is far away."""
    websocket_protocol.PING_SECONDS = websocket_protocol.PONG_SECONDS = 1.0
    subscriber.STALLED_SECONDS = 1.0
    sockets.USER_TIMEOUT_MILLISECONDS = 600_000


def long_patience() -> None:
    """Neither the server nor the system gives a client up that takes nothing."""
    subscriber.STALLED_SECONDS = 600.0
    sockets.USER_TIMEOUT_MILLISECONDS = 600_000


def slow_queries() -> None:
    """A page of events takes a minute of the database's time, and adds to the file ``asked``."""

    def find_after(db: Any, *given: Any) -> None:
        with Path("asked").open("a") as file:
            file.write("x")
        db.execute_sql(LONG).fetchone()

    log.find_after = find_after  # type: ignore[assignment]


def short_queries() -> None:
    """They are given up after two seconds instead of ten."""
    slow_queries()
    store.LIST_SECONDS = 2.0


def late_plans() -> None:
    """No sync is planned before there is the file ``planned``."""
    step = sync_planner.SyncPlanner.step

    async def wait(planner: Any, *given: Any) -> Any:
        while not Path("planned").exists():
            await asyncio.sleep(0.05)
        return await step(planner, *given)

    sync_planner.SyncPlanner.step = wait  # type: ignore[method-assign]


def shifted_clock() -> None:
    """The file ``clock`` says by how many seconds the clock on the wall is ahead. The monotonic
    clock goes on as it does."""
    really, clock = time.time_ns, Path("clock").absolute()
    time.time_ns = lambda: really() + int(clock.read_text()) * 10**9
    time.time = lambda: time.time_ns() / 1e9


def short_minutes() -> None:
    """A server notes twenty times a second how long it has run."""
    shifted_clock()
    app.CLIENT_IDS_SECONDS = 0.05


def watched_passwords() -> None:
    """The file ``hashes`` is told, a line each, which hash a password is compared with: its
    algorithm and what that costs, without salt and digest."""
    verify = argon2.PasswordHasher.verify

    def watch(hasher: Any, stored: str, password: Any) -> Any:
        with Path("hashes").open("a") as file:
            print(stored.rsplit("$", 2)[0], file=file)
        return verify(hasher, stored, password)

    argon2.PasswordHasher.verify = watch  # type: ignore[method-assign, assignment]


def census() -> None:
    """At SIGUSR1 the file ``census`` is told how many connections are in memory, and then the
    names of the tasks, one a line."""
    serve = serving._serve
    connection = (Member, WebSocketProtocol, WebSocketsSansIOProtocol)

    def count() -> None:
        names = [each.get_name() for each in asyncio.all_tasks()]
        _tell("census", str(_living(connection)), *names)

    async def serve_counted(*arguments: Any) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, count)
        await serve(*arguments)

    serving._serve = serve_counted


def uncollected() -> None:
    """Nothing frees what refers to each other. At SIGUSR1 the file ``kept`` is told how many
    objects of connections there are."""
    gc.disable()
    of_connections = (HttpProtocol, WebSocketProtocol, ServerProtocol, subscriber.Subscriber)
    signal.signal(signal.SIGUSR1, lambda *_: _tell("kept", str(_living(of_connections))))


def halting() -> None:
    """Where the writing connection stands is noted on the file ``board``."""
    from halting import Board, watch

    watch(Board(Path("board")))


def dying_uploads() -> None:
    """At the step of an upload whose number is in the file ``dies-at`` the server is killed."""
    from dying import Steps, watch

    watch(Steps(int(Path("dies-at").read_text())))


def _living(kinds: tuple[type, ...]) -> int:
    return sum(isinstance(each, kinds) for each in gc.get_objects())


def _tell(name: str, *lines: str) -> None:
    part = Path(f"{name}.part")
    part.write_text("\n".join(lines))
    part.rename(name)
