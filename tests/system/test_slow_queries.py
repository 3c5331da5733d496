"""Queries that take long: they end, and who joins or comes back does not wait for them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from world import Server, eventually, running

SLOW = 6  # more than there are threads for lists


def search(server: Server) -> httpx.Response:
    return server.http.get("/management/events?type=none*", timeout=60)


def test_a_room_is_joined_and_resumed_beside_them(tmp_path: Path) -> None:
    with (
        running(tmp_path, program="short_queries") as server,
        ThreadPoolExecutor(SLOW) as pool,
    ):
        room = server.create_room()
        room.join("anna").say("hello")
        asked = [pool.submit(search, server) for _ in range(SLOW)]
        begun = tmp_path / "asked"
        eventually(lambda: begun.exists() and len(begun.read_text()) == 4)
        bert = room.join("bert", since=0)
        assert bert.receive("Message")["payload"]["content"] == "hello"
        bert.send("LoadHistory", {"limit": 10})
        (only,) = bert.receive("History")["payload"]["messages"]
        assert only["content"] == "hello"
        assert not any(each.done() for each in asked)
        answers = [each.result() for each in asked]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(503, "query_timeout")}
    assert "ask for less" in answers[0].json()["detail"]
    assert "Traceback" not in server.log.read_text()
