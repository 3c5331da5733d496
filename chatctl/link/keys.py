"""Where an admin API key is read from, and which files are believed to hold one."""

import os
import shlex
import stat
import sys
from pathlib import Path

from chatctl.input import named_files
from chatctl.shell import failures
from chatctl.shell.failures import Failure

_MOST_BYTES = 4096
_FIX = "--api-key-file with a file that holds the key alone; the server writes its own when empty"


def read(name: str) -> str:
    """The key in a file that the user named; ``-`` is stdin."""
    if name == "-":
        return _checked(sys.stdin.buffer.read(_MOST_BYTES + 1), "stdin")
    named_files.check_read(name, "--api-key-file")
    with Path(name).open("rb") as file:
        return _checked(file.read(_MOST_BYTES + 1), name)


def beside(database: Path) -> str | None:
    """The key that the server wrote beside its database; None when there is none to use."""
    owner = {database.stat().st_uid} if database.exists() else set()
    return found(f"{database}.admin-key", {os.geteuid()} | owner)


def found(name: str, owners: set[int]) -> str | None:
    """The key in a plain file of one of these owners that nobody else may read.

    Whoever may write beside a database could put a link to another file there, and have us send
    what is in it.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode) or seen.st_uid not in owners:
            return None
        if seen.st_mode & 0o077:
            raise Failure(
                "user_refused",
                f"others may read the API key in {name}",
                f"chmod 600 {shlex.quote(name)}",
            )
        return _checked(os.read(descriptor, _MOST_BYTES + 1), name)
    finally:
        os.close(descriptor)


def _checked(content: bytes, name: str) -> str:
    if len(content) > _MOST_BYTES:
        raise failures.usage(f"{name} holds more than an API key", _FIX)
    try:
        key = content.decode().strip()
    except UnicodeDecodeError:
        raise failures.usage(f"the API key in {name} is not UTF-8", _FIX) from None
    if not key or not key.isprintable():
        raise failures.usage(f"{name} holds no API key", _FIX)
    return key
