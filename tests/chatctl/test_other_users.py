"""Commands of a user to whom the directory of the database does not belong."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prepared_server import lines
from same_process import Here

# ``serve`` loads them, and Python's own files may be closed to whoever it runs as.
from chatctl_server import app, serving  # noqa: F401

REFUSED = 7
NOBODY = 65_534


@pytest.fixture
def theirs() -> Iterator[Path]:
    """Everybody may look into it, and nobody write. Those that pytest makes are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        yield Path(name)


@contextmanager
def _as_somebody_else() -> Iterator[None]:
    """Root may write everywhere; another user of the tests is somebody else already."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_database_is_not_made_in_a_directory_of_others(here: Here, theirs: Path) -> None:
    here.directory = theirs
    database = ("--db", "sqlite:./a.db")
    with _as_somebody_else():
        made = [here("serve", "--bind", "127.0.0.1:0", *database), here("db", "migrate", *database)]
    expected = lines(
        f"chatctl: the directory {theirs} is not for this user to write",
        "  try: another directory, or run this as the owner of that one",
    )
    assert made == [("", expected, REFUSED)] * 2
    assert list(theirs.iterdir()) == []
