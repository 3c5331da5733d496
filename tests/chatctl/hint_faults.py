"""What has to be wrong around a command, so that it prints a certain hint.

Each is a generator: up to its first ``yield``, which says what it knows by name, the fault is made;
behind it the fault is over, except where following the hint is what ends it. What is behind a
second ``yield`` is done at the end of the test.
"""

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import apsw
import limits
import pytest
from offline import Offline
from same_process import Here
from world import KEY, Server, running

from chatctl_server.actions import endpoints
from chatctl_server.process import lock, servers

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
    with closing(apsw.Connection(str(place.database))) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM event").fetchall()
        yield {}


def of_somebody_else(place: Place) -> Iterator[dict[str, str]]:
    """All there belongs to root, who is the owner again afterwards. Everybody may look into the
    directory."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(place.here.directory, name, dirs_exist_ok=True)
        place.here.directory = Path(name)
        Path(name).chmod(0o755)
        Path(name, "key").chmod(0o600)
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


def _known(server: Server) -> dict[str, str]:
    assert server.process is not None
    return {
        "at": f"CHATCTL_SERVER={server.url} ADMIN_API_KEY={KEY}",
        "pid": str(server.process.pid),
    }
