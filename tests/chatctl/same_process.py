"""The command in the test's own process: the same answers, without the start of a Python each."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from unittest import mock

import hints
import pytest
from prepared_server import Chatctl, Finished

from chatctl import cli
from chatctl.link.client import Link


class Here:
    """Called as ``Chatctl`` is, in its directory and with its environment and nothing else."""

    def __init__(self, chatctl: Chatctl, capture: pytest.CaptureFixture[str]) -> None:
        self.directory = chatctl.directory
        self.runtime = chatctl.runtime
        self.environ = chatctl.environ
        self._capture = capture

    def __call__(self, *args: str, stdin: str = "", **environ: str) -> Finished:
        self._capture.readouterr()
        typed = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        with (
            contextlib.chdir(self.directory),
            mock.patch.dict(os.environ, {**self.environ, **environ}, clear=True),
            mock.patch.object(sys, "stdin", typed),
            mock.patch.object(Link, "__exit__", _close),
            _log_as_before(),
        ):
            code = cli.run(args)
        shown = self._capture.readouterr()
        hints.check(args, shown.err)
        return Finished(shown.out, shown.err, code)


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
