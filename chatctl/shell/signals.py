"""Ctrl-C and SIGTERM in what takes long: it ends with what was done, and how to go on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatctl.shell.failures import Failure
from chatctl.shell.options import Options

SoFar = Callable[[], tuple[str, str | None]]
"""What was done, as a sentence, and how to go on."""


@contextmanager
def told(options: Options, so_far: SoFar) -> Iterator[None]:
    """Raises Failure with the signal's exit code. With ``--quiet`` only a program is told."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        if options.quiet and not options.json:
            raise
        raise failure(stop, *so_far()) from stop


def failure(stop: KeyboardInterrupt | SystemExit, message: str, hint: str | None = None) -> Failure:
    code = "interrupted" if isinstance(stop, KeyboardInterrupt) else "terminated"
    return Failure(code, message, hint)
