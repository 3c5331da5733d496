"""The whole terminal for one command: keys come one by one, and afterwards it is as it was, also
after SIGKILL, which no process hears of: a child of it stays behind until the command has ended."""

import os
import signal
import sys
import termios
from types import TracebackType
from typing import Any, Self

from chatctl.input.keys import PASTE

# The screen that was there before the alternate one, with its cursor, and no style.
_BACK = f"\x1b[0m{PASTE[1]}\x1b[?1049l\x1b[?25h".encode()
_DONE = b"."
_INPUT, _LOCAL, _CHARACTERS = 0, 3, 6  # of what tcgetattr answers


class FullScreen:
    """Of stdin and stdout. What is shown on it, its caller says."""

    def __init__(self) -> None:
        self._terminal, self._screen = sys.stdin.fileno(), sys.stdout.fileno()
        self._before = termios.tcgetattr(self._terminal)
        self._taken = _one_by_one(self._before)

    def __enter__(self) -> Self:
        self._guard = _guard(self._terminal, self._screen, self._before, self._taken)
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._taken)
        os.write(self._screen, PASTE[0].encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.write(self._screen, PASTE[1].encode())
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)
        guard, pipe = self._guard
        os.write(pipe, _DONE)
        os.close(pipe)
        os.waitpid(guard, 0)


def _one_by_one(before: list[Any]) -> list[Any]:
    """Without echo. Ctrl-C is a signal still; Ctrl-Z would leave the screen as it is."""
    taken = [*before[:_CHARACTERS], list(before[_CHARACTERS])]
    taken[_INPUT] &= ~termios.IXON
    taken[_LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    taken[_CHARACTERS][termios.VMIN], taken[_CHARACTERS][termios.VTIME] = 1, 0
    taken[_CHARACTERS][termios.VSUSP] = b"\0"
    return taken


def _guard(terminal: int, screen: int, before: list[Any], taken: list[Any]) -> tuple[int, int]:
    """Its process id, and the pipe in which it is told that nothing is left to do."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        return pid, writing
    try:
        os.close(writing)
        os.setsid()  # neither the terminal's signals nor those of the shell's job are for it
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        if os.read(reading, 1) != _DONE:
            # A shell may have set the terminal up by now.
            if termios.tcgetattr(terminal) == taken:
                termios.tcsetattr(terminal, termios.TCSANOW, before)
            os.write(screen, _BACK)
    finally:
        os._exit(0)
