"""Scenes in the product's words: a real server, its rooms, and clients that talk in them."""

import contextlib
import fcntl
import functools
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forks
import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

Frame = dict[str, Any]
PATIENCE_SECONDS = 15.0
PORTS = range(20_000, 32_000)  # below those that the system gives to clients
PORTS_OF_A_PROCESS = 250
KEY = "the-admin-key-of-the-tests"
# For clients that speak no TLS: to read the system's certificates takes each of them 20 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def eventually(check: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """The check's first true result; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not in {seconds} s: {check}"
        time.sleep(0.02)


def free_port() -> int:
    """Of those that this process alone has, also beside other runs of the tests: a port that is
    free now is still free when the server takes it, or takes it again."""
    while True:
        port = next(_ports())
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@functools.cache
def _ports() -> Iterator[int]:
    """They are this process's until it ends: so long it has the lock on a file."""
    for first in PORTS[::PORTS_OF_A_PROCESS]:
        file = Path(tempfile.gettempdir(), f"chatctl-test-ports-{first}")
        lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return itertools.cycle(range(first, first + PORTS_OF_A_PROCESS))
    raise AssertionError("too many runs of the tests at once")


def clean_environment(directory: Path, **settings: str) -> dict[str, str]:
    """No setting of the machine's own; the registry of running servers is the test's."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ
    }
    runtime = directory / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    kept["PYTHONWARNINGS"] = "error"
    return {**kept, "HOME": str(directory), "XDG_RUNTIME_DIR": str(runtime), **settings}


def _check_declared(response: httpx.Response) -> None:
    import declared  # the application, which most tests have no need for

    declared.check(response)


class Server:
    """``chatctl serve`` in a process of its own, on a file in its directory.

    ``is_plain``: its sockets are served over plain ASGI (see ``changed``). CHATCTL_PLAIN_ASGI=1
    has every server so, also those of tests that do not ask for it.
    """

    is_plain = os.environ.get("CHATCTL_PLAIN_ASGI") == "1"

    def __init__(
        self, directory: Path, *arguments: str, program: str = "chatctl", **settings: str
    ) -> None:
        self.directory = directory
        self.database = directory / "chat.db"
        self.port = free_port()
        self.program = program  # or the name of a change of it, see ``changed``
        self.arguments = arguments
        self.environment = clean_environment(
            directory,
            **{
                "DATABASE_URL": f"sqlite:{self.database}",
                "BIND_ADDRESS": f"127.0.0.1:{self.port}",
                "ADMIN_API_KEY": KEY,
                "INBOUND_FRAMES_PER_SECOND": "0",  # tests send as fast as they can
                **settings,
            },
        )
        self.log = directory / "server.log"
        self.process: forks.Process | None = None
        self.http = httpx.Client(
            base_url=self.url,
            headers={b"X-Api-Key": self.environment.get("ADMIN_API_KEY", "").encode()},
            timeout=30,
            trust_env=False,
            verify=NO_TLS,
            event_hooks={"response": [_check_declared]},
        )
        self._clients: list[Client] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        self.spawn()
        eventually(self._answers, seconds=30)
        return self

    def spawn(self) -> None:
        """Not waited for."""
        with self.log.open("ab") as log:
            self.process = self.begin("serve", *self.arguments, log=log.fileno())

    def begin(self, *arguments: str, log: int = subprocess.PIPE) -> forks.Process:
        """A command with the change, if there is one."""
        changes = ["plain_asgi"] if self.is_plain else []
        changes += [self.program] if self.program != "chatctl" else []
        return forks.start(
            arguments, self.environment, self.directory, stdout=log, stderr=log, changes=changes
        )

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.http.get("/management/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """An orderly stop; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            # Who is killed does not tell what was run.
            self.stop() if "COVERAGE_RUN" in os.environ else self.kill()
        # Their server is gone: none waits for its answer to the close.
        for client in self._clients:
            client.drop()
        self.http.close()

    def set_clock(self, seconds: int) -> None:
        """How far a ``shifted_clock`` is ahead from now on."""
        new = self.directory / "clock.new"
        new.write_text(str(seconds))
        new.replace(self.directory / "clock")

    def figure(self, name: str) -> float:
        """Of /metrics; ``name`` with its labels."""
        lines = self.http.get("/metrics").text.splitlines()
        (found,) = [line for line in lines if line.startswith(f"{name} ")]
        return float(found.rpartition(" ")[2])

    def chatctl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command in the server's directory, with the server's settings."""
        return forks.run(arguments, self.environment, self.directory, stdin)

    def create_room(self, name: str = "lobby", admins: tuple[str, ...] = ()) -> "Room":
        body = {"room_name": name, "admin_user_ids": list(admins)}
        answer = self.http.post("/management/rooms", json=body)
        assert answer.status_code == 200, answer.text
        return Room(self, answer.json()["room_id"])

    def join(self, room_id: str, user_id: str, **query: str | int) -> "Client":
        client = Client(self, room_id, user_id, **query)
        self._clients.append(client)
        return client


class Room:
    def __init__(self, server: Server, room_id: str) -> None:
        self.server = server
        self.id = room_id
        self.path = f"/management/rooms/{room_id}"

    def join(self, user_id: str, **query: str | int) -> "Client":
        """Connected and welcomed."""
        client = self.server.join(self.id, user_id, **query)
        client.welcome = client.receive("WelcomeInfo")["payload"]
        return client

    def ban(self, user_id: str, **body: Any) -> httpx.Response:
        return self.server.http.put(f"{self.path}/bans/{user_id}", json=body)

    def history(self, **query: int) -> list[Frame]:
        """All records of a page, newest first."""
        answer = self.server.http.get(f"/management/sync/chat-history/{self.id}", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])

    def details(self) -> Frame:
        return dict(self.server.http.get(self.path).json())


class Client:
    """A user in a room, over a real WebSocket."""

    _numbers = itertools.count(1)

    def __init__(self, server: Server, room_id: str, user_id: str, **query: str | int) -> None:
        self.user_id = user_id
        parameters = httpx.QueryParams({"user_id": user_id, **query})
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{server.port}/ws/rooms/{room_id}?{parameters}",
            compression=None,
            open_timeout=PATIENCE_SECONDS,
            close_timeout=1,
            ping_interval=None,  # no thread and no random number that a test has not asked for
            max_size=None,
            proxy=None,
            legacy=True,
        )
        self.welcome: Frame = {}

    def send(self, name: str, payload: Any = None) -> None:
        frame = {"type": name} if payload is None else {"type": name, "payload": payload}
        self.socket.send(json.dumps(frame))

    def say(self, text: str) -> Frame:
        """Posts a message and returns its Ack's payload."""
        client_id = f"{self.user_id}-{next(self._numbers)}"
        self.send("SendMessage", {"content": text, "client_msg_id": client_id})
        while True:
            ack = self.receive("Ack")["payload"]
            if ack["client_msg_id"] == client_id:
                return dict(ack)

    def next(self, seconds: float = PATIENCE_SECONDS) -> Frame:
        return dict(json.loads(self.socket.recv(timeout=seconds)))

    def receive(self, name: str, seconds: float = PATIENCE_SECONDS) -> Frame:
        """The next frame of that type; others before it are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            frame = self.next(max(0.01, deadline - time.monotonic()))
            if frame["type"] == name:
                return frame

    def frames_until_pong(self) -> list[Frame]:
        """Everything that was on its way: what comes before the answer to a Ping sent now."""
        mark = next(self._numbers)
        self.send("Ping", {"timestamp": mark})
        found = []
        while True:
            frame = self.next()
            if frame["type"] == "Pong" and frame["payload"]["timestamp"] == mark:
                return found
            found.append(frame)

    def close_code(self) -> int:
        """Reads to the end; the code the server closed with."""
        try:
            while True:
                self.socket.recv(timeout=PATIENCE_SECONDS)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def last_frames(self) -> tuple[list[Frame], int]:
        """All frames up to the close, and its code."""
        found: list[Frame] = []
        try:
            while True:
                found.append(self.next())
        except ConnectionClosed as closed:
            return found, closed.rcvd.code if closed.rcvd else 1006

    def close(self) -> None:
        self.socket.close()

    def drop(self) -> None:
        """For when the server is gone: nothing is said, and nothing waited for."""
        self.socket.close_timeout = 0
        self.socket.close()


@contextlib.contextmanager
def running(
    directory: Path, *arguments: str, program: str = "chatctl", **settings: str
) -> Iterator[Server]:
    server = Server(directory, *arguments, program=program, **settings)
    try:
        yield server.start()
    finally:
        server.close()
