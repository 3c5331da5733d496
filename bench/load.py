"""Compiles and runs the load generator (bench/generator), with the system's C compiler."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import served

SOURCES = sorted(Path(__file__).with_name("generator").glob("*.c"))
LIMIT_SECONDS = 90.0


class Target(NamedTuple):
    """A server that runs. ``rooms``: as its protocol addresses them."""

    protocol: str
    port: int
    pid: int
    rooms: list[str]


class Measured(msgspec.Struct, frozen=True):
    """Of the measured time, in seconds; what the mode does not measure is 0."""

    joined: int  # without the first
    timed_joins: int  # those that the two figures behind it are of
    join_seconds: float
    join_cpu: float
    resident_kb: int  # of the server: with one member, with all, and at the end
    joined_kb: int
    left_kb: int
    longest_stall: float
    messages: int = 0
    deliveries: int = 0
    acknowledged: int = 0
    lost: int = 0  # had not arrived 10 s after the last message
    seconds: float = 0
    server_cpu: float = 0
    own_cpu: float = 0
    p50_microseconds: int = 0
    p99_microseconds: int = 0
    back: int = 0
    back_seconds: float = 0
    gaps: int = 0
    repeats: int = 0


class Generator:
    def __init__(self, program: Path) -> None:
        self._program = str(program)

    def run(self, mode: str, target: Target, *options: str | float) -> Measured:
        """Modes and options are explained at the head of generator/main.c."""
        command = self._command(mode, target, *options, "-S", target.pid)
        process = served.on_core(
            served.LOAD_CORE, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            output, errors = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise RuntimeError(f"the load took longer than {LIMIT_SECONDS:g} s") from None
        if process.returncode:
            raise RuntimeError(errors.decode().strip() or f"it ended with {process.returncode}")
        return msgspec.json.decode(output, type=Measured)

    @contextlib.contextmanager
    def holding(
        self, target: Target, members: int, reading: str = "never", *, stopped: bool = False
    ) -> Iterator[None]:
        """That many have joined, and read as ``-k`` says. Stopped: their process is (SIGSTOP)."""
        process = served.on_core(
            served.LOAD_CORE,
            self._command("hold", target, "-n", members, "-k", reading),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"held\n":
                raise RuntimeError("the load generator could not connect")
            if stopped:
                process.send_signal(signal.SIGSTOP)
            yield
        finally:
            process.kill()
            process.communicate()

    def _command(self, mode: str, target: Target, *options: str | float) -> list[str]:
        address = ("-P", target.protocol, "-p", target.port)
        return [self._program, mode, *map(str, (*address, *options, *target.rooms))]


@contextlib.contextmanager
def generator() -> Iterator[Generator]:
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("The load generator needs a C compiler, and there is no cc")
    with tempfile.TemporaryDirectory(prefix="bench-load-") as name:
        program = Path(name) / "load"
        options = ("-O2", "-Wall", "-Wextra", "-pthread", "-o", str(program))
        subprocess.run([compiler, *options, *map(str, SOURCES)], check=True)
        yield Generator(program)
