"""Files that are named on the command line: a slip is told with the option's name, as it was typed,
before anything is done."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatctl.shell import failures
from chatctl.shell.failures import Failure


def check_read(named: str, option: str) -> None:
    """Raises Failure ``usage`` for a directory, or no name. That a file is missing whoever opens it
    says."""
    hint = f"{option} FILE" if option.startswith("-") else None
    if not named:  # of a variable that is not set
        raise failures.usage(f"{option} is empty, and names no file", hint)
    if Path(named).is_dir():
        raise failures.usage(f"{option}: '{named}' is a directory, not a file", hint)


def check_written(named: str, option: str) -> None:
    """Raises Failure also where the directory is missing."""
    check_read(named, option)
    directory = Path(named).parent
    if not directory.exists():
        raise Failure(
            "file_not_found",
            f"{option}: '{named}' cannot be written: the directory {directory} is missing",
            f"mkdir -p {shlex.quote(str(directory))}",
        )
    if not directory.is_dir():
        raise failures.usage(f"{option}: '{named}' cannot be written: {directory} is no directory")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The failure names the file, also where the system does not."""
    try:
        yield
    except OSError as error:
        raise failures.of_system(error, str(path)) from error
