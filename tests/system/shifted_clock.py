"""The real ``chatctl``, whose clock on the wall can be set: the file ``clock`` says by how many
seconds it is ahead. The monotonic clock goes on as it does.

``python -m shifted_clock serve`` is ``chatctl serve``.
"""

import sys
import time
from pathlib import Path

from chatctl import cli

CLOCK = Path("clock").absolute()
_really = time.time_ns


def time_ns() -> int:
    return _really() + int(CLOCK.read_text()) * 10**9


def shift() -> None:
    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    shift()
    sys.exit(cli.run(sys.argv[1:]))
