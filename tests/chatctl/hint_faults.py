"""What has to be wrong around a command, so that it prints a certain hint.

Each is a generator: up to its first ``yield``, which says what it knows by name, the fault is made;
behind it the fault is over, except where following the hint is what ends it. What is behind a
second ``yield`` is done at the end of the test.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from same_process import Here
from world import KEY, Server

from chatctl_server.actions import endpoints
from chatctl_server.process import lock, servers


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
