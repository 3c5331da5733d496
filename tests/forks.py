"""``chatctl`` in a process of its own, forked from a Python that has imported it already.

A start of Python with the server's imports costs 0.6 s of CPU; the suite makes hundreds. The fork
runs the same ``main`` with its own arguments, environment, directory and streams. What depends on
how the interpreter itself starts is run by ``subprocess`` as before.
"""

import atexit
import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Self

import forked
import launcher


class Process:
    """What tests use of ``subprocess.Popen``; ``communicate`` ends what is not done in time."""

    def __init__(
        self,
        pid: int,
        status: int,
        arguments: Sequence[str],
        stdout: IO[bytes] | None,
        stderr: IO[bytes] | None,
    ) -> None:
        self.pid = pid
        self.args = arguments
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._status = status

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
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            told = os.read(self._status, 16)
            os.close(self._status)
            self.returncode = os.waitstatus_to_exitcode(int(told)) if told else -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # ended, and about to be told
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Parent:
    """The Python that is forked: one for each process of the tests, made when it is needed."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._directory = Path(tempfile.mkdtemp(prefix="forks-"))
        self._address = str(self._directory / "socket")
        self.program = self._make_program()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(self._address)
            listening.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-P", forked.__file__, str(listening.fileno())],
                pass_fds=[listening.fileno()],
                env=environment,
                stdin=subprocess.PIPE,  # it ends when this does
            )
        atexit.register(self.close)

    def _make_program(self) -> Path:
        started_with = json.dumps(launcher.of_interpreter(self.environment))
        words = [sys.executable, "-IS", launcher.__file__, self._address, started_with]
        program = self._directory / "chatctl"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        program.chmod(0o700)
        return program

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        shutil.rmtree(self._directory)

    def suits(self, environment: dict[str, str]) -> bool:
        ours, theirs = map(launcher.of_interpreter, (self.environment, environment))
        return ours == theirs

    def ask(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        directory: Path,
        files: Sequence[int],
    ) -> tuple[int, int]:
        """The process id, and the file in which its status will be told."""
        place = str(directory)
        asked, pid = launcher.ask(self._address, arguments, environment, place, files)
        return pid, asked.detach()


_parents: list[Parent] = []
_choosing = threading.Lock()  # tests start processes from several threads


def _parent(environment: dict[str, str]) -> Parent:
    with _choosing:
        for parent in _parents:
            if parent.suits(environment):
                return parent
        kept = {"PATH", "VIRTUAL_ENV", "HOME"}
        others = {name: text for name, text in environment.items() if name in kept}
        _parents.append(Parent(launcher.of_interpreter(environment) | others))
        return _parents[-1]


def program(environment: dict[str, str]) -> Path:
    """A ``chatctl`` to be started with an environment like this one."""
    return _parent(environment).program


def start(
    arguments: Sequence[str],
    environment: dict[str, str],
    directory: Path,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> Process:
    """``chatctl ARGUMENTS``; each stream is a file's number, or as ``Popen`` has it."""
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
        pid, status = _parent(environment).ask(arguments, environment, directory, files)
    return Process(pid, status, arguments, *reading)


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


def _read_to_the_end(file: IO[bytes] | None) -> bytes:
    if file is None or file.closed:
        return b""
    with file:
        return file.read()
