"""``chatctl`` in a process of its own, forked from a Python that has imported it already.

A start of Python with the server's imports costs 0.6 s of CPU; the suite makes hundreds. The fork
runs the same ``main`` with its own arguments, environment, directory and streams. What depends on
how the interpreter itself starts is run by ``subprocess`` as before.
"""

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

MESSAGE_BYTES = 1 << 20
LIMITS = (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
# What an interpreter reads when it starts: with another value it has to be started.
INTERPRETER = ("PYTHON", "LC_", "LANG", "MALLOC", "LD_", "COVERAGE")


class Process:
    """What tests use of ``subprocess.Popen``."""

    def __init__(self, pid: int, status: int, arguments: Sequence[str]) -> None:
        self.pid = pid
        self.args = arguments
        self.returncode: int | None = None
        self._status = status

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
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment = environment
        self._socket = ours
        self._asking = threading.Lock()  # tests start processes from several threads
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self.close)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(10)

    def suits(self, environment: dict[str, str]) -> bool:
        return _of_interpreter(environment) == _of_interpreter(self.environment)

    def start(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        directory: Path,
        files: list[int],
    ) -> Process:
        status, theirs = os.pipe()
        try:
            message = json.dumps([list(arguments), environment, str(directory), _limits()])
            sent = array.array("i", [*files, theirs])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)]
            with self._asking:
                self._socket.sendmsg([message.encode("utf-8", "surrogateescape")], rights)
                pid = int(self._socket.recv(16))
        finally:
            os.close(theirs)
        return Process(pid, status, arguments)


def _limits() -> list[int]:
    """What this process, and so its children, may use: a test makes a disk full by it."""
    return [resource.getrlimit(each)[0] for each in LIMITS]


def _of_interpreter(environment: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(INTERPRETER)}


_parents: list[Parent] = []


def _parent(environment: dict[str, str]) -> Parent:
    for parent in _parents:
        if parent.suits(environment):
            return parent
    kept = {"PATH", "VIRTUAL_ENV", "HOME"}
    _parents.append(
        Parent(
            _of_interpreter(environment)
            | {name: text for name, text in environment.items() if name in kept}
        )
    )
    return _parents[-1]


def start(
    arguments: Sequence[str], environment: dict[str, str], directory: Path, output: IO[bytes]
) -> Process:
    """``chatctl ARGUMENTS`` without a stdin."""
    with Path(os.devnull).open("rb") as nothing:
        files = [nothing.fileno(), output.fileno(), output.fileno()]
        return _parent(environment).start(arguments, environment, directory, files)


def run(
    arguments: Sequence[str], environment: dict[str, str], directory: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(stdin.encode("utf-8", "surrogateescape"))
        files[0].seek(0)
        numbers = [file.fileno() for file in files]
        code = _parent(environment).start(arguments, environment, directory, numbers).wait(60)
        for file in files[1:]:
            file.seek(0)
        stdout, stderr = (file.read().decode() for file in files[1:])
    return subprocess.CompletedProcess(list(arguments), code, stdout, stderr)


# The other side


def _serve(number: int) -> None:
    _import_all()
    gc.collect()
    gc.freeze()
    # Keepers end by themselves: nobody asks for their status.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=number) as asked:
        while True:
            message, rights, _, _ = asked.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(4 * 4))
            if not message:
                return
            files = array.array("i")
            files.frombytes(rights[0][2])
            task = Task(*json.loads(message.decode("utf-8", "surrogateescape")))
            if os.fork() == 0:
                _keep(asked, task, list(files))
            for each in files:
                os.close(each)


def _import_all() -> None:
    for name in ("cli", "client", "connection", "inprocess", "output"):
        importlib.import_module(f"chatctl.{name}")
    importlib.import_module("chatctl_server.serving")


class Task(NamedTuple):
    arguments: list[str]
    environment: dict[str, str]
    directory: str
    limits: list[int]


def _keep(asked: socket.socket, task: Task, files: list[int]) -> NoReturn:
    """Forks the command, says which process it is and, at its end, what its status was."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        _become(task, files)
    for each in files[:3]:
        os.close(each)
    asked.send(str(pid).encode())
    asked.close()
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(files[3], str(status).encode())
    os._exit(0)


def _become(task: Task, files: list[int]) -> NoReturn:
    for target, each in enumerate(files[:3]):
        os.dup2(each, target)
    os.closerange(3, 256)
    os.chdir(task.directory)
    os.environ.clear()
    os.environ.update(task.environment)
    for each, soft in zip(LIMITS, task.limits, strict=True):
        resource.setrlimit(each, (soft, resource.getrlimit(each)[1]))
    sys.argv = ["chatctl", *task.arguments]
    streams = {
        "stdin": os.fdopen(0, encoding="utf-8", closefd=False),
        "stdout": os.fdopen(1, "w", encoding="utf-8", closefd=False),
        "stderr": os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False),
    }
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os._exit(_main())


def _main() -> int:
    from chatctl import cli

    try:
        cli.main()
        code: Any = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # as the interpreter does it
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
