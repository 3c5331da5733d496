"""Compiles and runs the load generator (load.c); it needs gcc."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import served


class Measured(msgspec.Struct, frozen=True):
    """Of the measured time; ``lost`` counts what had not arrived 10 s after it."""

    messages: int
    deliveries: int
    lost: int
    seconds: float
    server_cpu: float
    own_cpu: float
    p50_microseconds: int
    p99_microseconds: int

    @property
    def cpu_per_million(self) -> float:
        return self.server_cpu / self.deliveries * 1e6


class Generator:
    def __init__(self, program: Path) -> None:
        self._program = str(program)

    def send(
        self, port: int, path: str, receivers: int, in_flight: int, seconds: float, pid: int
    ) -> Measured:
        numbers = [str(each) for each in (receivers, in_flight, seconds, pid)]
        command = [self._program, "send", str(port), path, *numbers]
        process = served.on_core(served.LOAD_CORE, command, stdout=subprocess.PIPE)
        output, _ = process.communicate(timeout=120)
        if process.returncode:
            raise RuntimeError(f"the load generator ended with {process.returncode}")
        return msgspec.json.decode(output, type=Measured)

    @contextlib.contextmanager
    def holding(self, port: int, path: str, connections: int) -> Iterator[None]:
        """That many users are connected."""
        process = served.on_core(
            served.LOAD_CORE,
            [self._program, "hold", str(port), path, str(connections)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"held\n":
                raise RuntimeError("the load generator could not connect")
            yield
        finally:
            process.communicate()


@contextlib.contextmanager
def generator() -> Iterator[Generator]:
    source = Path(__file__).with_name("load.c")
    with tempfile.TemporaryDirectory(prefix="bench-load-") as name:
        program = Path(name) / "load"
        subprocess.run(["gcc", "-O2", "-Wall", "-o", str(program), str(source)], check=True)
        yield Generator(program)
