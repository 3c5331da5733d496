"""Fan-out to 1,000 receivers of one room, beside two Python peers in the same run.

python bench/fanout.py [--receivers 1000] [--seconds 4] [--repeat 3]

chatctl commits each message with FULL before it is sent; the peers keep nothing. Server and
generator have a core each, so trust the CPU per delivery and the ratios of one run.
"""

import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import load
import report
import scene
import served

IN_FLIGHT = (1, 32)


class Target(NamedTuple):
    port: int
    path: str
    pid: int


Start = Callable[[], AbstractContextManager[Target]]


@contextlib.contextmanager
def chatctl() -> Iterator[Target]:
    with (
        scene.directory() as folder,
        served.server(folder / "chat.db", served.SERVER_CORE) as server,
    ):
        yield Target(server.port, f"/ws/rooms/{server.create_room()}", server.pid)


@contextlib.contextmanager
def peer(name: str) -> Iterator[Target]:
    port = served.free_port()
    script = Path(__file__).with_name("peers.py")
    process = served.on_core(served.SERVER_CORE, [sys.executable, str(script), name, str(port)])
    try:
        _wait_for(port, process)
        yield Target(port, "/ws", process.pid)
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + served.PATIENCE_SECONDS
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the peer does not start")
        time.sleep(0.02)


def measure(
    start: Start, generator: load.Generator, receivers: int, in_flight: int, seconds: float
) -> load.Measured:
    """A fresh server for each run: what one leaves behind is not in the next."""
    with start() as target:
        found = generator.send(target.port, target.path, receivers, in_flight, seconds, target.pid)
    if found.lost:
        raise RuntimeError(f"{found.lost} deliveries were lost")
    return found


def show(name: str, runs: list[load.Measured]) -> float:
    """Prints the medians; that of the CPU per delivery is returned."""
    cpu = report.median(name, [run.cpu_per_million for run in runs], "CPU s/million deliv.")
    for label, values, unit in (
        ("deliveries", [run.deliveries / run.seconds for run in runs], "/s"),
        ("p50", [run.p50_microseconds / 1000 for run in runs], "ms"),
        ("p99", [run.p99_microseconds / 1000 for run in runs], "ms"),
        ("server's core in use", [run.server_cpu / run.seconds * 100 for run in runs], "%"),
        ("generator's share of its core", [run.own_cpu / run.seconds * 100 for run in runs], "%"),
    ):
        report.line(f"{name}, {label}", statistics.median(values), unit)
    return cpu


def main() -> None:
    parser = scene.arguments(__doc__)
    parser.add_argument("--receivers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=4.0, help="measured in each run")
    given = parser.parse_args()
    report.machine()
    contenders: dict[str, Start] = {
        "chatctl (FULL)": chatctl,
        "Litestar loop": lambda: peer("litestar"),
        "websockets broadcast": lambda: peer("websockets"),
    }
    with load.generator() as generator:
        for in_flight in IN_FLIGHT:
            runs: dict[str, list[load.Measured]] = {name: [] for name in contenders}
            for _ in range(given.repeat):  # in turn: what else the machine does hits them all
                for name, start in contenders.items():
                    found = measure(start, generator, given.receivers, in_flight, given.seconds)
                    runs[name].append(found)
            cpu = {name: show(f"{name}, {in_flight} in flight", runs[name]) for name in runs}
            ours, *others = cpu
            for other in others:
                ratio = cpu[ours] / cpu[other]
                report.line(f"CPU of {ours} to {other}, {in_flight} in flight", ratio, "times")
    report.end()


if __name__ == "__main__":
    main()
