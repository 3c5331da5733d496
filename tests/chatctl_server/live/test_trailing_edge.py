"""What is told at the end of a second."""

import asyncio

import pytest

from chatctl_server.live import trailing_edge
from chatctl_server.live.trailing_edge import TrailingEdge


async def test_what_is_stopped_tells_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of what changes behind the stop, as when its streams end."""
    monkeypatch.setattr(trailing_edge, "SECONDS", 0)
    told: list[str] = []
    running, stopped = TrailingEdge[str](), TrailingEdge[str]()
    stopped.changed("before", told.append)
    stopped.stop()
    stopped.changed("behind", told.append)
    running.changed("running", told.append)
    await asyncio.sleep(0.01)
    assert told == ["running"]
