"""The cases of the Autobahn test suite against the protocol classes: over the fast path, and over
plain ASGI and uvicorn's own classes. Not asked: speed (9) and compression (12, 13), which the
server does not offer, and of uvicorn's own 7.1.5, a close within a message in fragments."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kosoku
import pytest

ECHO = Path(__file__).parent / "echo.py"
NOT_ASKED = {"fast": ["9.*", "12.*", "13.*"], "asgi": ["9.*", "12.*", "13.*", "7.1.5"]}
CASES = {"fast": 247, "asgi": 246}


@pytest.fixture
def url(transport: str, tmp_path: Path) -> Iterator[str]:
    """Of a server that says again whatever it hears, and complains of nothing."""
    complaints = tmp_path / "complaints"
    with socket.create_server(("127.0.0.1", 0)) as listening, complaints.open("wb") as log:
        number = listening.fileno()
        command = [sys.executable, str(ECHO), str(number), transport]
        with subprocess.Popen(command, pass_fds=[number], stdout=log, stderr=log) as server:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
            server.terminate()
    assert complaints.read_text() == ""


@pytest.mark.parametrize("transport", ["fast", "asgi"])
async def test_no_case_fails(url: str, transport: str) -> None:
    cases = await kosoku.run_fuzzingclient(url, exclude_cases=NOT_ASKED[transport], concurrency=16)
    assert [each.case_id for each in cases if not each.passed] == []
    assert len(cases) == CASES[transport]
