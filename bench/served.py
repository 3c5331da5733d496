"""``chatctl serve`` as a process of its own, on one core where that is asked for."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

KEY = "the-admin-key-of-the-benches"
PATIENCE_SECONDS = 60.0
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_core(core: int | None, command: list[str], **how: Any) -> subprocess.Popen[bytes]:
    """A process that runs there from its first instruction on, with all its threads.

    None is any core: for figures in seconds, where another process on the core would count.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed if core is None else {core})
    try:
        return subprocess.Popen(command, **how)
    finally:
        os.sched_setaffinity(0, allowed)


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def cpu_seconds_of(pid: int) -> float:
    """Of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, database: Path, core: int | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._core = core
        self._folder = database.parent
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder),
            "DATABASE_URL": f"sqlite:{database}",
            "BIND_ADDRESS": f"127.0.0.1:{self.port}",
            "ADMIN_API_KEY": KEY,
            # The load is what is measured.
            "INBOUND_FRAMES_PER_SECOND": "0",
            "NEW_CONNECTIONS_PER_SECOND": "0",
        }

    def set(self, **settings: str) -> None:
        """Before the start."""
        self._environment |= settings

    def start(self, *, interpreter: tuple[str, ...] = ()) -> float:
        """Seconds from the start of the process to its first answer."""
        log = (self._folder / "server.log").open("ab")
        command = [sys.executable, *interpreter, "-m", "chatctl", "serve"]
        with log:
            started = time.perf_counter()
            self.process = on_core(
                self._core,
                command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            while not self._answers():
                if self.process.poll() is not None or time.perf_counter() - started > 60:
                    raise RuntimeError((self._folder / "server.log").read_text())
                time.sleep(0.002)
            return time.perf_counter() - started

    def _answers(self) -> bool:
        """A bare socket: a client library's own start would be measured, too."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) as connection:
                connection.sendall(b"GET /management/health HTTP/1.1\r\nHost: bench\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu_seconds(self) -> float:
        return cpu_seconds_of(self.pid)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def create_room(self) -> str:
        return self.create_rooms(1)[0]

    def create_rooms(self, count: int) -> list[str]:
        """Their ids."""
        made = []
        with self.client() as client:
            for _ in range(count):
                answer = client.post("/management/rooms", json={"room_name": "bench"})
                answer.raise_for_status()
                made.append(str(answer.json()["room_id"]))
        return made

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"X-Api-Key": KEY}, timeout=60, trust_env=False
        )


@contextlib.contextmanager
def server(database: Path, core: int | None = None, **settings: str) -> Iterator[Server]:
    made = Server(database, core)
    made.set(**settings)
    try:
        made.start()
        yield made
    finally:
        made.kill()
