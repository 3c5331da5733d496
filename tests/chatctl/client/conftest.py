from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path

import pytest
from prepared_server import Prepared, serving
from world import Server, running

from chatctl.client import resume


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients come back within a fifth of a second."""
    monkeypatch.setattr(resume, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(resume, "LONGEST_SECONDS", 0.2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A real one."""
    with running(tmp_path) as started:
        yield started


@pytest.fixture
def prepared() -> Iterator[Prepared]:
    """One that gives prepared answers."""
    yield from serving(lambda handler: HTTPServer(("127.0.0.1", 0), handler))
