"""What takes longer than a second says so, on a terminal, on one line of stderr that goes away."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chatctl.shell.options import Options
from chatctl.show.visible import shortened, visible

FIRST_SECONDS = 1.0
REDRAW_SECONDS = 0.25
_ERASE = "\r\x1b[K"
_USUAL_COLUMNS = 80


class _Stderr:
    """Progress and notes come from several threads: each has the terminal's line for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_progress = False
        self.is_taken = False  # by the outermost progress: only that one draws

    def show(self, line: str) -> None:
        with self._lock:
            self._has_progress = True
            self._write(_ERASE + line)

    def erase(self, text: str = "") -> None:
        """Takes the progress away, if there is any, and says something in its place."""
        with self._lock:
            erase, self._has_progress = _ERASE if self._has_progress else "", False
            self._write(erase + text)

    def _write(self, text: str) -> None:
        if text:
            sys.stderr.write(text)
            sys.stderr.flush()


_STDERR = _Stderr()


def say(text: str) -> None:
    """Whole lines to stderr, beside which progress may stand."""
    _STDERR.erase(text)


class Progress:
    """``done`` and ``total`` count what is worked on; without a total only time passes."""

    def __init__(self, what: str) -> None:
        self.done = 0
        self.total = 0
        self._what = what
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        _STDERR.erase()

    def _draw(self) -> None:
        pause = FIRST_SECONDS
        while not self._stopped.wait(pause):
            _STDERR.show(self._line())
            pause = REDRAW_SECONDS

    def _line(self) -> str:
        seconds = int(time.monotonic() - self._began)
        amount = f" {self.done:,} of {self.total:,}," if self.total else ""
        return shortened(visible(f"{self._what}…{amount} {seconds} s"), _columns() - 1)


def _columns() -> int:
    """Of the terminal behind stderr: a line that wraps would not go away."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


@contextmanager
def shown(options: Options, what: str, total: int = 0) -> Iterator[Progress]:
    """Silent with ``--quiet`` and where stderr is no terminal."""
    progress = Progress(what)
    progress.total = total
    if _STDERR.is_taken or options.quiet or not sys.stderr.isatty():
        yield progress
        return
    _STDERR.is_taken = True
    progress.start()
    try:
        yield progress
    finally:
        _STDERR.is_taken = False
        progress.stop()
