"""Secrets of endpoints: read from a file, or made and put into one. None is ever an argument."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from chatctl.input import named_files, targets
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl_server.domain import signatures

_BYTES = 32
_FIX = "a secret a line: openssl rand -base64 32 writes one"
_OPTION = "--secret-file"


def read(source: str) -> str:
    """The one secret in a file; ``-`` is stdin. Raises Failure, in which it is not shown."""
    text = targets.text_of(source, _OPTION)
    if len(_keys(text, _shown(source))) > 1:
        raise failures.usage(f"{_shown(source)} holds several secrets, and an endpoint has one")
    return text.strip()


def keys(source: str | None) -> list[bytes]:
    """Of all secrets in a file; none without one. Raises Failure, in which none is shown."""
    if source is None:
        return []
    return _keys(targets.text_of(source, _OPTION), _shown(source))


def _keys(text: str, name: str) -> list[bytes]:
    """Of a file's lines, several in one with spaces between them. A line is told by its number:
    what stands there may be a secret."""
    found: list[bytes] = []
    for at, line in enumerate(text.split("\n"), 1):
        try:
            found += map(signatures.key, line.split())
        except signatures.BadSecret as bad:
            raise failures.usage(
                f"line {at} of {name} {bad}; it has to be {signatures.FORM}", _FIX
            ) from None
    if not found:
        raise failures.usage(f"{name} holds no secret", _FIX)
    return found


def _shown(source: str) -> str:
    return "stdin" if source == "-" else source


def made() -> str:
    """As Standard Webhooks writes it."""
    return signatures.secret(os.urandom(_BYTES))


def write(path: str, secret: str) -> None:
    """Into a new file that nobody else may read. Raises Failure ``file_exists``."""
    with new(path) as file:
        file.write(f"{secret}\n")


@contextmanager
def new(path: str) -> Iterator[TextIO]:
    """A file that nobody else may read; gone again when what should come into it does not. Raises
    Failure ``file_exists``."""
    named_files.check_written(path, "--out")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Failure(
            "file_exists", f"{path} exists already; nothing was changed", "--out with a new name"
        ) from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
