"""The Python that ``forks.py`` starts: it has imported everything, and forks a command when asked.

Its own folder is not among those that it imports from: the command must not find the tests.
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
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

MESSAGE_BYTES = 1 << 20


def serve(number: int) -> None:
    """Until the standard input ends, which is the tests' process's."""
    _import_all()
    gc.collect()
    gc.freeze()
    # Keepers end by themselves: nobody asks for their status.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=number) as listening:
        while 0 not in select.select([0, listening], [], [])[0]:
            with listening.accept()[0] as asked:
                if os.fork() == 0:
                    listening.close()
                    _or_end(lambda: _keep(asked))


def _or_end(work: Callable[[], NoReturn]) -> NoReturn:
    """An error must not lead back to the parent's own work, in another process."""
    try:
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)


def _import_all() -> None:
    for name in ("cli", "link.client", "link.connection", "link.in_process", "show.output"):
        importlib.import_module(f"chatctl.{name}")
    importlib.import_module("chatctl_server.serving")


class Task(NamedTuple):
    arguments: list[str]
    environment: dict[str, str]
    directory: str
    limits: dict[str, int]


def _keep(asked: socket.socket) -> NoReturn:
    """Forks the command, says which process it is and, at its end, what its status was.

    Whoever asked and is gone has no more use for it.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, rights, _, _ = asked.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(3 * 4))
    files = array.array("i")
    files.frombytes(rights[0][2])
    pid = os.fork()
    if pid == 0:
        asked.close()
        task = Task(*json.loads(message.decode("utf-8", "surrogateescape")))
        _or_end(lambda: _become(task, list(files)))
    os.closerange(0, asked.fileno())
    os.closerange(asked.fileno() + 1, 256)
    ended = os.pidfd_open(pid)
    with contextlib.suppress(BrokenPipeError):  # which is then seen below
        asked.send(str(pid).encode())
    if ended not in select.select([ended, asked], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    with contextlib.suppress(BrokenPipeError):
        asked.send(str(status).encode())
    os._exit(0)


def _become(task: Task, files: list[int]) -> NoReturn:
    for target, each in enumerate(files[:3]):
        os.dup2(each, target)
    os.closerange(3, 256)
    os.chdir(task.directory)
    os.environ.clear()
    os.environ.update(task.environment)
    for each, soft in task.limits.items():
        resource.setrlimit(int(each), (soft, resource.getrlimit(int(each))[1]))
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
    serve(int(sys.argv[1]))
