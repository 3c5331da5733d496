"""HEAD answers as GET without a body, everywhere."""

import asyncio
from typing import Any

import httpx
import pytest
from world import PATIENCE_SECONDS, Server

from chatctl_server.api.heads import without_body

ROUTES = [
    "/",
    "/management/health",
    "/management/status",
    "/management/rooms",
    "{room}",
    "{room}/messages",
    "{room}/bans",
    "/management/events",
    "/management/sync",
    "/management/callbacks",
    "/metrics",
    "/openapi.json",
    "/nothing/is/here",
    "/management/rooms/no-id",
    "/management/rooms?limit=0",
    "/ws/rooms/no-socket",
]
NOT_COMPARED = {"date", "x-request-id", "content-length", "transfer-encoding"}


@pytest.mark.parametrize("with_key", [True, False])
def test_it_answers_as_get(shared_server: Server, with_key: bool) -> None:
    room = shared_server.create_room("lobby")
    headers = dict(shared_server.http.headers) if with_key else {}
    for route in ROUTES:
        path = route.format(room=room.path)
        with httpx.Client(base_url=shared_server.url, headers=headers, trust_env=False) as client:
            got, headed = client.get(path), client.head(path)
            again = client.get(path)  # over the same connection
        assert headed.status_code == got.status_code == again.status_code
        assert headed.content == b""
        fixed = [
            {name: value for name, value in each.headers.items() if name not in NOT_COMPARED}
            for each in (got, headed)
        ]
        assert fixed[0] == fixed[1]
        assert headed.headers.get("content-length", "") != "0" or got.content == b""


def test_a_stream_is_over_at_its_beginning(shared_server: Server) -> None:
    stream = "/management/events/stream"
    headed = shared_server.http.head(stream)
    assert (headed.status_code, headed.content) == (200, b"")
    with shared_server.http.stream("GET", stream) as got:
        assert headed.headers["content-type"] == got.headers["content-type"]


async def test_whoever_streams_is_told_to_end() -> None:
    ended = asyncio.Event()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        assert scope["method"] == "GET"
        await send({"type": "http.response.start", "status": 200})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"one", "more_body": True})
                await asyncio.sleep(0)
        finally:
            ended.set()

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await without_body(stream)({"method": "HEAD"}, None, send)
    assert ended.is_set()
    assert sent == [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]
