from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prepared_server import Chatctl, Prepared, UnixServer, serving
from real_server import Serving
from same_process import Here
from world import Server

from chatctl_server.process import lock


@pytest.fixture
def chatctl(tmp_path: Path) -> Iterator[Chatctl]:
    # The path of a socket in it must stay below 108 bytes, and tmp_path is long.
    with TemporaryDirectory(prefix="chatctl-") as runtime:
        yield Chatctl(tmp_path, Path(runtime))


@pytest.fixture
def here(chatctl: Chatctl, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(chatctl, capsys)


@pytest.fixture
def served(here: Here, shared_server: Server) -> Here:
    """Commands that talk to the module's own running server."""
    return here.at(shared_server)


@pytest.fixture
def server() -> Iterator[Prepared]:
    """Listens on a free TCP port."""
    yield from serving(lambda handler: HTTPServer(("127.0.0.1", 0), handler))


@pytest.fixture
def behind_lock(tmp_path: Path) -> Iterator[Prepared]:
    """A server on an admin socket that holds the lock of ``chat.db``."""
    database = tmp_path / "chat.db"
    database.touch(mode=0o600)
    path = tmp_path / "chat.db.admin.sock"
    held = lock.acquire(lock.lock_path(database), "server")

    def make(handler: type[BaseHTTPRequestHandler]) -> HTTPServer:
        server = UnixServer(str(path), handler, bind_and_activate=False)  # type: ignore[arg-type]
        server.server_bind()
        server.server_activate()
        return server

    with held:
        held.ready("http://127.0.0.1:1", str(path), "0.1.0")
        yield from serving(make)


@pytest.fixture
def on_file(chatctl: Chatctl) -> Iterator[Serving]:
    """A running ``chatctl serve`` on ``chat.db``."""
    with Serving(chatctl, "--db", "sqlite:./chat.db") as serving:
        yield serving


@pytest.fixture
def in_memory(chatctl: Chatctl) -> Iterator[Serving]:
    with Serving(chatctl) as serving:
        yield serving
