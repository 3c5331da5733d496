"""The cases of the Autobahn test suite against the protocol classes: over the fast path, and over
plain ASGI. Not asked: speed (9) and compression (12, 13), which the server does not offer."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kosoku
import pytest

ECHO = Path(__file__).parent / "echo.py"
NOT_ASKED = ["9.*", "12.*", "13.*"]
CASES = 247


@pytest.fixture(params=["fast", "asgi"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a server that says again whatever it hears, and complains of nothing."""
    complaints = tmp_path / "complaints"
    with socket.create_server(("127.0.0.1", 0)) as listening, complaints.open("wb") as log:
        number = listening.fileno()
        command = [sys.executable, str(ECHO), str(number), request.param]
        with subprocess.Popen(command, pass_fds=[number], stdout=log, stderr=log) as server:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
            server.terminate()
    assert complaints.read_text() == ""


async def test_no_case_fails(url: str) -> None:
    cases = await kosoku.run_fuzzingclient(url, exclude_cases=NOT_ASKED, concurrency=16)
    assert [each.case_id for each in cases if not each.passed] == []
    assert len(cases) == CASES
