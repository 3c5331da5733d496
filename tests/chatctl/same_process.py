"""The command in the test's own process: the same answers, without the start of a Python each.

What signals, ends of pipes, imports or the process itself have to do with is ``Chatctl``'s, which
starts one.
"""

import contextlib
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from copy import copy
from typing import Any, Self
from unittest import mock

import hints
import pytest
from prepared_server import Chatctl, Finished
from world import KEY, Server

from chatctl import cli
from chatctl.link.client import Link

# Bold and its end, green, yellow, bright red: the hostile strings' own colour is another.
_OURS = re.compile(r"\x1b\[(?:[01]|32|33|91)m")


class Here:
    """Called as ``Chatctl`` is, in its directory and with its environment and nothing else."""

    def __init__(self, chatctl: Chatctl, capture: pytest.CaptureFixture[str]) -> None:
        self.directory = chatctl.directory
        self.runtime = chatctl.runtime
        self.environ = chatctl.environ
        self._capture = capture
        self._named: dict[str, str] = {}

    def at(self, server: Server) -> Self:
        """The same for a real server, with its key."""
        other = copy(self)
        other._named = {"CHATCTL_SERVER": server.url, "ADMIN_API_KEY": KEY}
        return other

    def __call__(self, *args: str, stdin: str = "", **environ: str) -> Finished:
        self._capture.readouterr()
        typed = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        given = {**self.environ, **self._named, **environ}
        with (
            contextlib.chdir(self.directory),
            mock.patch.dict(os.environ, given, clear=True),
            mock.patch.object(sys, "stdin", typed),
            mock.patch.object(Link, "__exit__", _close),
            _log_as_before(),
        ):
            code = cli.run(args)
        shown = self._capture.readouterr()
        hints.check(args, shown.err)
        return Finished(shown.out, shown.err, code)

    def as_terminal(self, columns: int, *args: str, stdin: str = "", **environ: str) -> Finished:
        """It takes its output for a terminal of that width."""
        with (
            mock.patch.object(sys.stdout, "isatty", return_value=True),
            mock.patch.object(sys.stderr, "isatty", return_value=True),
        ):
            return self(*args, stdin=stdin, COLUMNS=str(columns), TERM="xterm", **environ)

    def json(self, *args: str, stdin: str = "") -> Any:
        """The one document of a command that must succeed, and say nothing else."""
        done = self(*args, "--json", stdin=stdin)
        assert (done.stderr, done.exit) == ("", 0), done
        return json.loads(done.stdout)

    def refused(self, *args: str) -> tuple[str, int]:
        """The error's code and the exit code; said in one line without ``--json``."""
        plain = self(*args)
        first, *hint = plain.stderr.splitlines()
        assert first.startswith("chatctl: ")
        assert [line[:7] for line in hint] in ([], ["  try: "])
        end = args.index("--") if "--" in args else len(args)
        done = self(*args[:end], "--json", *args[end:])
        error = json.loads(done.stderr)["error"]
        assert (done.stdout, plain.stdout, done.exit) == ("", "", plain.exit)
        assert error["exit"] == done.exit
        return error["code"], done.exit


def without_colours(shown: str) -> str:
    """What is left when our own sequences are taken out."""
    return _OURS.sub("", shown)


def _close(link: Link, *_: object) -> None:
    """After a signal it is left to the end of the command's process, and this one goes on."""
    link.http.close()


@contextlib.contextmanager
def _log_as_before() -> Iterator[None]:
    """A command that opens a database file sets up the log of its whole process."""
    log = logging.getLogger("chatctl")
    before = (list(log.handlers), log.propagate, log.level)
    try:
        yield
    finally:
        log.handlers[:], log.propagate = before[:2]
        log.setLevel(before[2])
