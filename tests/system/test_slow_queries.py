"""Queries that take long: they end, and who joins or comes back does not wait for them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from world import Server, eventually, running

SLOW = 6  # more than there are threads for lists


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, program="slow_queries") as server:
        yield server


def search(server: Server) -> httpx.Response:
    return server.http.get("/management/events?type=none*", timeout=60)


def test_a_room_is_joined_and_resumed_beside_them(slow: Server) -> None:
    room = slow.create_room()
    anna = room.join("anna")
    anna.send("SendMessage", {"content": "hello"})
    anna.receive("Message")
    begun = slow.directory / "asked"
    with ThreadPoolExecutor(SLOW) as pool:
        asked = [pool.submit(search, slow) for _ in range(SLOW)]
        eventually(begun.exists)
        eventually(lambda: len(begun.read_text()) == 4)
        bert = room.join("bert", since=0)
        assert bert.receive("Message")["payload"]["content"] == "hello"
        bert.send("LoadHistory", {"limit": 10})
        (only,) = bert.receive("History")["payload"]["messages"]
        assert only["content"] == "hello"
        assert not any(each.done() for each in asked)
        answers = [each.result() for each in asked]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(503, "query_timeout")}
    assert "ask for less" in answers[0].json()["detail"]
    assert "Traceback" not in slow.log.read_text()
