"""``chatctl`` for whoever starts a program: has the Python of ``forked.py`` run the command.

The streams are this process's own, signals are passed on, and it ends as the command does. Run
as a script, by an interpreter that imports nothing else, it starts in a thirtieth of the time.
"""

import array
import contextlib
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

LIMITS = (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
# What an interpreter reads when it starts: with another value it has to be started.
INTERPRETER = ("PYTHON", "LC_", "LANG", "MALLOC", "LD_", "COVERAGE")


def of_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(INTERPRETER)}


def ask(
    address: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    files: Sequence[int],
) -> tuple[socket.socket, int]:
    """Where the status of the command will be told when it has ended, and its process id."""
    # What this process, and so its children, may use: a test makes a disk full by it.
    limits = {each: resource.getrlimit(each)[0] for each in LIMITS}
    message = json.dumps([list(arguments), dict(environment), directory, limits])
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asked.connect(address)
    asked.sendmsg([message.encode("utf-8", "surrogateescape")], rights)
    return asked, int(asked.recv(16))


def main(address: str, started_with: str, *arguments: str) -> NoReturn:
    if of_interpreter(os.environ) != json.loads(started_with):
        os.execv(sys.executable, [sys.executable, "-m", "chatctl", *arguments])
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    asked, pid = ask(address, arguments, os.environ, os.getcwd(), (0, 1, 2))  # noqa: PTH109 - pathlib would double the time

    def pass_on(number: int, _: Any) -> None:
        with contextlib.suppress(ProcessLookupError):  # ended, and about to be told
            os.kill(pid, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    status = int(asked.recv(16))
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError):  # SIGKILL has nothing but its default
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(*sys.argv[1:])
