"""Output longer than the terminal goes through the pager, as with git and gh."""

import os
import shlex
import shutil
import signal
import subprocess
import sys

from chatctl.show import stdout

_NONE = ("", "cat")


def show(text: str) -> None:
    """On a terminal that is too short for it through ``CHATCTL_PAGER``, ``PAGER`` or less; else
    to stdout."""
    if not _is_too_long(text) or not _paged(text):
        stdout.write(text)


def _is_too_long(text: str) -> bool:
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        return False
    return text.count("\n") >= shutil.get_terminal_size().lines


def _paged(text: str) -> bool:
    """False when there is no pager to be had."""
    named = os.environ.get("CHATCTL_PAGER", os.environ.get("PAGER", "less"))
    if named.strip() in _NONE or os.environ.get("TERM") == "dumb":
        return False
    # As git sets it: leave at once what fits, let our colours through, keep what was shown.
    environ = {"LESS": "FRX", **os.environ}
    stdout.flush()
    try:
        # The pager is the user's own choice.
        running = subprocess.Popen(  # noqa: S603
            shlex.split(named), stdin=subprocess.PIPE, env=environ
        )
    except (OSError, ValueError):
        return False
    # Ctrl-C is the pager's, as long as it runs: it ends a search, not the list.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running.communicate(text.encode(errors="backslashreplace"))
    finally:
        signal.signal(signal.SIGINT, before)
        if running.stdin is not None:
            running.stdin.close()
        running.wait()
    return True
