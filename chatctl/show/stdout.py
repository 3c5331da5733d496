"""The one way of results to stdout. What stdout no longer takes is ``OutputLost``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chatctl.shell.failures import OutputLost


def write(text: str) -> None:
    with _noticed():
        sys.stdout.write(text)


def flush() -> None:
    with _noticed():
        sys.stdout.flush()


@contextmanager
def _noticed() -> Iterator[None]:
    """A reader that went away is no error: ``cli.run`` ends quietly."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error) from error
