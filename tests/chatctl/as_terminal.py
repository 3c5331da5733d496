"""A command in the test's own process that takes its output for a terminal."""

import re
import sys
from unittest import mock

from prepared_server import Finished
from same_process import Here

# Bold and its end, green, yellow, bright red: the hostile strings' own colour is another.
OURS = re.compile(r"\x1b\[(?:[01]|32|33|91)m")


def as_terminal(here: Here, columns: int, *args: str, stdin: str = "", **environ: str) -> Finished:
    with (
        mock.patch.object(sys.stdout, "isatty", return_value=True),
        mock.patch.object(sys.stderr, "isatty", return_value=True),
    ):
        return here(*args, stdin=stdin, COLUMNS=str(columns), TERM="xterm", **environ)


def without_colours(shown: str) -> str:
    """What is left when our own sequences are taken out."""
    return OURS.sub("", shown)
