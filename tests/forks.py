"""``chatctl`` in a process of its own, forked from a Python that has imported it already.

A start of Python with the server's imports costs 0.6 s of CPU; the suite makes hundreds. The fork
runs the same ``main`` with its own arguments, environment, directory and streams. What depends on
how the interpreter itself starts is run by ``subprocess``.
"""

import contextlib
import ctypes
import gc
import importlib
import multiprocessing
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, NamedTuple, NoReturn, Self

TESTS = Path(__file__).parent
LIMITS = (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
PR_SET_PDEATHSIG = 1
_python = multiprocessing.get_context("forkserver")
# By their names: a module of the tests is not found there.
_python.set_forkserver_preload(
    [
        ".".join(each.relative_to(TESTS.parent).with_suffix("").parts)
        for package in ("chatctl", "chatctl_server")
        for each in sorted((TESTS.parent / package).rglob("[a-z]*.py"))
    ]
)
# Tests start and end processes from several threads, of which multiprocessing knows nothing.
_one_at_a_time = threading.Lock()


class Process:
    """What tests use of ``subprocess.Popen``; ``communicate`` ends what is not done in time."""

    def __init__(
        self, command: "Command", stdout: IO[bytes] | None, stderr: IO[bytes] | None
    ) -> None:
        self.args = command.arguments
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._process = _python.Process(target=_become, args=(command,), daemon=True)
        with _one_at_a_time:
            self._process.start()
        self.pid: int = self._process.pid or 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.stdout, self.stderr):
            if each is not None:
                each.close()
        self.wait()

    def communicate(self, *, timeout: float | None = None) -> tuple[bytes, bytes]:
        with ThreadPoolExecutor(2) as readers:
            both = readers.map(_read_to_the_end, (self.stdout, self.stderr))
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            stdout, stderr = both
        return stdout, stderr

    def poll(self) -> int | None:
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._wait(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and wait([self._process.sentinel], timeout):
            with _one_at_a_time:
                self.returncode = self._process.exitcode
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # ended, and about to be told
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Command(NamedTuple):
    arguments: Sequence[str]
    environment: dict[str, str]
    directory: Path
    limits: dict[int, int]
    files: list[Connection]  # in this form multiprocessing passes them on
    changes: Sequence[str]


def start(
    arguments: Sequence[str],
    environment: dict[str, str],
    directory: Path,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    changes: Sequence[str] = (),
) -> Process:
    """``chatctl ARGUMENTS``; each stream is a file's number, or as ``Popen`` has it. ``changes``:
    functions of ``changed``."""
    with contextlib.ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open("r+b", buffering=0)).fileno()
        given = {subprocess.DEVNULL: nothing}
        reading: list[IO[bytes] | None] = [None, None]
        files = [given.get(stdin, stdin)]
        for place, each in enumerate((stdout, stderr)):
            if each == subprocess.PIPE:
                ours, given[each] = os.pipe()
                stack.callback(os.close, given[each])
                reading[place] = os.fdopen(ours, "rb")
            files.append(given.get(each, each))
            given[subprocess.STDOUT] = files[-1]
        passed = [stack.enter_context(Connection(os.dup(each))) for each in files]
        # What this process, and so its children, may use: a test makes a disk full by it.
        limits = {each: resource.getrlimit(each)[0] for each in LIMITS}
        command = Command(arguments, environment, directory, limits, passed, changes)
        return Process(command, *reading)


def run(
    arguments: Sequence[str], environment: dict[str, str], directory: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(stdin.encode("utf-8", "surrogateescape"))
        files[0].seek(0)
        given, out, err = (file.fileno() for file in files)
        process = start(arguments, environment, directory, stdin=given, stdout=out, stderr=err)
        code = process.wait(60)
        for file in files[1:]:
            file.seek(0)
        said, complained = (file.read().decode() for file in files[1:])
    return subprocess.CompletedProcess(list(arguments), code, said, complained)


def program(environment: dict[str, str]) -> Path:
    """A ``chatctl`` for shells with that environment: a real start each time."""
    made = Path(environment["XDG_RUNTIME_DIR"]) / "chatctl"
    made.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m chatctl "$@"\n')
    made.chmod(0o700)
    return made


def _become(command: Command) -> NoReturn:
    """In the fork, which ends with the tests' process however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.freeze()
    for number, file in enumerate(command.files):
        os.dup2(file.fileno(), number)
        file.close()
    os.closerange(3, 256)
    os.chdir(command.directory)
    os.environ.clear()
    os.environ.update(command.environment)
    if command.environment.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    for each, soft in command.limits.items():
        resource.setrlimit(each, (soft, resource.getrlimit(each)[1]))
    for change in command.changes:
        getattr(importlib.import_module("changed"), change)()
    sys.argv = ["chatctl", *command.arguments]
    sys.path = [each for each in sys.path if not Path(each).is_relative_to(TESTS)]
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    from chatctl import cli

    cli.main()


def _read_to_the_end(file: IO[bytes] | None) -> bytes:
    if file is None or file.closed:
        return b""
    with file:
        return file.read()
