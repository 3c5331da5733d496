"""Fixtures for all tests: a real server, and no network but loopback."""

import signal
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from world import Room, Server, running

# Ignored, as in a script's background, it would be ignored by every command that a test starts.
# A handler, which here does nothing, is not passed on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, lambda *_: None)

_connect = socket.socket.connect


def _connect_to_loopback(self: socket.socket, address: Any) -> Any:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
        raise AssertionError(f"a test reached for {address}")
    return _connect(self, address)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _connect_to_loopback)
    yield
    patch.undo()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server with a file database of its own."""
    with running(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for a module's tests, each of which makes rooms of its own."""
    with running(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def room(shared_server: Server) -> Room:
    """A new room, of which ``boss`` is the admin."""
    return shared_server.create_room("lobby", admins=("boss",))


@pytest.fixture(params=["fast path", "plain ASGI"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the servers that the test starts: it runs with each of them."""
    monkeypatch.setattr(Server, "is_plain", request.param == "plain ASGI")
