"""What has to be wrong around a command, so that it prints a certain hint.

Each is a generator: up to its first ``yield``, which says what it knows by name, the fault is made;
behind it the fault is over, except where following the hint is what ends it. What is behind a
second ``yield`` is done at the end of the test.
"""

import asyncio
import contextlib
import os
import select
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import HTTPServer
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import apsw
import desk_scene
import limits
import pytest
from offline import Offline
from prepared_server import Answer, Asked, Prepared, problem, serving
from receivers import answer, hang, receiver
from same_process import Here
from team import Town
from world import KEY, Server, running

from chatctl_server.actions import endpoints
from chatctl_server.process import lock, servers
from chatctl_server.storage.maintenance import restoration
from chatctl_server.workers.callbacks import delivery_planner

NOBODY = 65_534


class Place(NamedTuple):
    """``server`` runs on another database than the directory's."""

    here: Here
    server: Server

    @property
    def database(self) -> Path:
        return self.here.directory / "chat.db"


Fault = Callable[[Place], Iterator[dict[str, str]]]


def nothing(_: Place) -> Iterator[dict[str, str]]:
    yield {}


def of_the_server(place: Place) -> Iterator[dict[str, str]]:
    """No fault: its rooms by their names, and its endpoints by their kinds."""
    rooms = place.server.http.get("/management/rooms").json()
    hooks = place.server.http.get("/management/callbacks").json()
    known = {each["room_name"]: each["room_id"] for each in rooms}
    yield known | {each["kind"]: each["endpoint_id"] for each in hooks}


def closed_conversation(place: Place) -> Iterator[dict[str, str]]:
    """At the desk, by its id."""
    town = Town(place.database)
    customer = desk_scene.customer(town, desk_scene.site(town, "Bakery"), "Bo", "hello?")
    town.close()
    assert place.here("conversations", "close", customer.id, "--db", "sqlite:./chat.db").exit == 0
    yield {"closed": customer.id}


def open_quote(place: Place) -> Iterator[dict[str, str]]:
    (place.here.directory / ".env").write_text('LOG_LEVEL="info\n')
    yield {}


def no_yaml(place: Place) -> Iterator[dict[str, str]]:
    """The library that reads it is not installed, and stays so."""
    (place.here.directory / "app.yaml").write_text("server: {port: 6688}\n")
    with mock.patch.dict("sys.modules", yaml=None):
        yield {}
        yield {}


def held_for_a_while(place: Place) -> Iterator[dict[str, str]]:
    """Another command has the database; it ends a moment after this one was told so."""
    held = lock.acquire(lock.lock_path(place.database), "command")
    with held:
        yield {}
        ending = threading.Timer(0.5, held.release)
        ending.start()
        yield {}
        ending.join()


def key_for_others(place: Place) -> Iterator[dict[str, str]]:
    """A server without a socket, beside whose database lies a key that everybody may read."""
    file = place.database.with_name("chat.db.admin-key")
    file.write_text(KEY)
    file.chmod(0o644)
    with lock.acquire(lock.lock_path(place.database), "server") as held:
        held.ready(place.server.url, None, "0.1.0")
        yield {}
        yield {}


def two_servers(place: Place) -> Iterator[dict[str, str]]:
    """Of this user; the second has no address that somebody answers at."""
    runtime = place.server.environment["XDG_RUNTIME_DIR"]
    with lock.acquire(lock.lock_path(place.here.directory / "two.db"), "server") as other:
        other.ready("http://127.9.9.9:9", None, "0.1.0")
        servers.register(other, servers.runtime_dir({"XDG_RUNTIME_DIR": runtime}))
        yield {"runtime": runtime, "first": place.server.url}
        yield {}


def as_many_endpoints_as_may_be(place: Place) -> Iterator[dict[str, str]]:
    with mock.patch.object(endpoints, "MOST_ADDED", 1):
        yield {}
        yield {}


def no_room(place: Place) -> Iterator[dict[str, str]]:
    with limits.file_size(10):
        yield {}


def room_for_a_line(place: Place) -> Iterator[dict[str, str]]:
    with limits.file_size(600):
        yield {}


def no_room_for_a_change(place: Place) -> Iterator[dict[str, str]]:
    """To open the database takes 32 KiB beside it, to change it more."""
    with limits.file_size(32_768):
        yield {}


def log_that_cannot_be_read(place: Place) -> Iterator[dict[str, str]]:
    """Changes stand in the log alone, of a copy beside which nothing can be written."""
    desk = Offline(place.database)
    desk.create_room("of the log")
    copied = place.here.directory / "copied"
    copied.mkdir()
    for name in ("chat.db", "chat.db-wal"):
        shutil.copy(place.here.directory / name, copied)
    desk.close()
    with limits.read_only(copied):
        yield {}


def reader(place: Place) -> Iterator[dict[str, str]]:
    """The database is read. Another SQLite in this process would not see its locks."""
    is_soon = mock.patch.object(restoration, "PATIENCE_SECONDS", 0.2)
    with is_soon, closing(apsw.Connection(str(place.database))) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM event").fetchall()
        yield {}


def of_somebody_else(place: Place) -> Iterator[dict[str, str]]:
    """All there belongs to root, who is the owner again afterwards. Everybody may look into the
    directory."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    for words in ("db migrate", "rooms ls", "config check"):  # their modules may be root's alone
        place.here(*words.split(), DATABASE_URL="sqlite:./chat.db")
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(place.here.directory, name, dirs_exist_ok=True)
        place.here.directory = Path(name)
        Path(name).chmod(0o755)
        Path(name, "key").chmod(0o600)
        with contextlib.chdir(name):  # the one where the tests run may be root's alone, too
            os.seteuid(NOBODY)
            try:
                yield {}
            finally:
                os.seteuid(0)
        yield {}


def lock_of_somebody_else(place: Place) -> Iterator[dict[str, str]]:
    """It stayed where a database was, in a directory where everybody may write."""
    lock.lock_path(place.here.directory / "new.db").touch(mode=0o600)
    other = of_somebody_else(place)
    known = next(other)
    os.seteuid(0)
    place.here.directory.chmod(0o777)
    os.seteuid(NOBODY)
    yield known
    yield from other


def served(place: Place) -> Iterator[dict[str, str]]:
    """A server has this directory's database."""
    with running(place.here.directory) as server:
        yield _known(server)
        yield {}


def moved(place: Place) -> Iterator[dict[str, str]]:
    """The database of a server was put elsewhere."""
    with running(place.here.directory) as server:
        server.create_room("acknowledged")
        away = place.here.directory / "away"
        away.mkdir()
        for name in ("chat.db", "chat.db-wal"):
            (place.here.directory / name).rename(away / name)
        yield _known(server)
        yield {}


def served_and_damaged(place: Place) -> Iterator[dict[str, str]]:
    """Another program has changed what a server needs to say how it is."""
    with running(place.here.directory) as server:
        with closing(sqlite3.connect(place.database)) as db, db:
            db.execute("DROP TABLE cursor")
        yield _known(server)
        yield {}


def of_another_kind(place: Place) -> Iterator[dict[str, str]]:
    """A server that makes rooms and does not say which."""
    with _prepared() as server:
        server.answers["POST /management/rooms"] = Answer({})
        yield {"other": server.url}
        yield {}


def redirecting(place: Place) -> Iterator[dict[str, str]]:
    """Such as a proxy that wants TLS: everything there is at the same path of the other."""
    to = {"Location": f"{place.server.url}/management/rooms?limit=100"}
    with _prepared() as server:
        server.answers["GET /management/rooms"] = Answer(b"", 302, to)
        yield {"other": server.url}


def late(place: Place) -> Iterator[dict[str, str]]:
    with receiver(hang(), answer(body=b"[]")) as server:
        yield {"other": server.origin}
        yield {}


def losing_answers(place: Place) -> Iterator[dict[str, str]]:
    """What goes through the address is done, and the answer to a change is lost."""
    yield from _relayed(place, b"P")


def busy_behind_a_page(place: Place) -> Iterator[dict[str, str]]:
    """A server has too much to do when it is asked for the second part."""
    page = {"count": 1, "due_now": 0, "first": None, "last": None}
    path = "/management/callbacks/recover"

    def answered(asked: Asked) -> Answer:
        assert isinstance(asked.body, dict)
        is_second = asked.body.get("after") == "here"
        if is_second and is_busy:
            return problem(503, "busy", "too much")
        return Answer({**page, "next": None if is_second else "here"})

    with _prepared() as server:
        server.answers[f"POST {path}"] = answered
        is_busy = True
        yield {"other": server.url}
        is_busy = False
        yield {}


def no_time(place: Place) -> Iterator[dict[str, str]]:
    """All that a planner does in this process lasts too long."""

    async def step(*_: object, **__: object) -> bool:
        await asyncio.sleep(30)
        return False

    with receiver() as hook:
        with mock.patch.object(delivery_planner.Planner, "step", step):
            yield {"hook": hook.url}
        yield {}


def late_plans(place: Place) -> Iterator[dict[str, str]]:
    """A server that plans no sync before it is allowed to."""
    with (
        receiver() as hook,
        running(place.here.directory, program="late_plans", DATA_CALLBACK_URL=hook.url) as server,
    ):
        yield _known(server)
        (place.here.directory / "planned").touch()
        yield {}


class _Unheard(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Whoever was stopped does not take the answer."""


@contextmanager
def _prepared() -> Iterator[Prepared]:
    yield from serving(lambda handler: _Unheard(("127.0.0.1", 0), handler))


def stopped_in_samples(place: Place) -> Iterator[dict[str, str]]:
    """Ctrl-C when the first of two is answered."""
    path = "/management/callbacks"
    endpoint = {"endpoint_id": "a", "kind": "data", "url": "http://a", "status": "enabled"}
    first = {"delivery_id": "1", "event": "data_sync", "status": "failed", "attempts": []}
    with _prepared() as server:
        server.answers = {
            f"GET {path}": Answer([endpoint]),
            f"POST {path}/a/test": Answer({"delivery_ids": ["1", "2"]}),
            f"GET {path}/deliveries/1": Answer(first),
            f"GET {path}/deliveries/2": _interrupt,
            f"GET {path}/deliveries": Answer([]),
        }
        yield {"other": server.url}
        yield {}


def stopped_at_the_second(place: Place) -> Iterator[dict[str, str]]:
    """Ctrl-C when a receiver was sent one event and is sent another."""
    with _prepared() as hook:
        hook.answers["POST /"] = lambda asked: (
            Answer({}) if len(hook.asked) == 1 else _interrupt(asked)
        )
        yield {"hook": hook.url}
        hook.answers["POST /"] = Answer({})
        yield {}


def stopped_in_sessions(place: Place) -> Iterator[dict[str, str]]:
    """Ctrl-C when the messages of a room have come."""
    yield from _relayed(place, b"GET /management/sync/session-history", _interrupt)


def stopped_in_waiting(place: Place) -> Iterator[dict[str, str]]:
    """Ctrl-C when a sync is requested."""
    yield from _relayed(place, b"GET /management/status", _interrupt)


def stopped_in_planning(place: Place) -> Iterator[dict[str, str]]:
    """Ctrl-C before a callback is sent from the file."""

    async def step(*_: object, **__: object) -> bool:
        _interrupt()
        await asyncio.sleep(30)
        return False

    with receiver() as hook:
        with mock.patch.object(delivery_planner.Planner, "step", step):
            yield {"hook": hook.url}
        yield {}


def _interrupt(*_: object) -> Answer:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    return Answer({})


def _relayed(
    place: Place, last: bytes, act: Callable[[], object] = lambda: None
) -> Iterator[dict[str, str]]:
    """An address that leads to the server. It acts when a request has come that begins so, and
    does not pass its answer on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        relaying = threading.Thread(target=_relay, args=(listening, place.server.port, last, act))
        relaying.start()
        try:
            yield {"at": _settings(f"http://127.0.0.1:{port}")}
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            relaying.join()
        yield {}


def _relay(listening: socket.socket, port: int, last: bytes, act: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):  # it is shut
        while True:
            client = listening.accept()[0]
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                if _is_reached(last, client, server):
                    act()


def _is_reached(last: bytes, client: socket.socket, server: socket.socket) -> bool:
    is_last = False
    while True:
        for each in select.select([client, server], [], [])[0]:
            said = each.recv(65_536)
            is_last = is_last or (each is client and said.startswith(last))
            if not said or (each is server and is_last):
                return is_last
            (server if each is client else client).sendall(said)


def _known(server: Server) -> dict[str, str]:
    assert server.process is not None
    return {"at": _settings(server.url), "pid": str(server.process.pid)}


def _settings(url: str) -> str:
    return f"CHATCTL_SERVER={url} ADMIN_API_KEY={KEY}"
