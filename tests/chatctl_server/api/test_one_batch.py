"""Posts that wait together are stored together, through whatever door they came."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from application import held, in_process, reached

from chatctl_server.actions import messages
from chatctl_server.app import Application
from chatctl_server.storage.transaction import Tx


class Talker:
    """A client's side of a socket, as an ASGI server has it."""

    def __init__(self, app: Application, room_id: str, user_id: str, query: str = "") -> None:
        self.frames: list[dict[str, Any]] = []
        self.refused: int | None = None  # the status
        self.code: int | None = None  # that it was closed with
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events.put_nowait({"type": "websocket.connect"})
        path = f"/ws/rooms/{room_id}"
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": f"user_id={user_id}{query}".encode(),
            "root_path": "",
            "headers": [],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "extensions": {},
            "state": {},
        }
        self.task = asyncio.create_task(app(scope, self._events.get, self._send))

    async def _send(self, event: Any) -> None:
        if event["type"] == "websocket.send":
            self.frames.append(json.loads(event.get("text") or event["bytes"]))
        elif event["type"] == "websocket.http.response.start":
            self.refused = event["status"]
        elif event["type"] == "websocket.close":
            self.code = event["code"]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [each["payload"] for each in self.frames if each["type"] == name]

    def say(self, text: str) -> None:
        payload = {"content": text, "client_msg_id": text}
        frame = json.dumps({"type": "SendMessage", "payload": payload})
        self._events.put_nowait({"type": "websocket.receive", "text": frame})

    async def leave(self) -> None:
        self._events.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait([self.task])


async def test_posts_over_http_join_those_of_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []
    many = messages.POST.many

    def noted(tx: Tx, posts: Sequence[messages.Post]) -> Any:
        batches.append([post.content for post in posts])
        return many(tx, posts)

    async with in_process(tmp_path, "server") as (app, client):
        made = await client.post("/management/rooms", json={"room_name": "lobby"})
        room_id = made.json()["room_id"]
        path = f"/management/rooms/{room_id}/messages"
        anna = Talker(app, room_id, "anna")
        await reached(lambda: anna.named("WelcomeInfo"))
        store = app.context.store
        monkeypatch.setattr(messages.POST, "many", noted)
        posting: list[asyncio.Task[Any]] = []

        async def are_waiting(count: int) -> None:
            """So many posts; followers write, too."""
            queued = (store._urgent, store._waiting)
            await reached(
                lambda: (
                    sum(call.action is messages.POST for calls in queued for call in calls) == count
                )
            )

        async with held(store):
            anna.say("socket 1")
            await are_waiting(1)
            for number, body in enumerate(({"user_id": "bert"}, {"user_id": "carl"}, {}), 1):
                sent = {**body, "content": f"http {number}"}
                posting.append(asyncio.create_task(client.post(path, json=sent)))
                await are_waiting(1 + number)
            anna.say("socket 2")
            await are_waiting(5)
        answers = [await each for each in posting]
        await reached(lambda: len(anna.named("Ack")) == 2)
        await anna.leave()
    # The announcement, as all that administrators do, goes before what waits.
    in_turn = ["socket 1", "http 1", "http 2", "socket 2"]
    assert batches in ([["http 3", *in_turn]], [in_turn]), "what a follower writes may part them"
    assert [each.status_code for each in answers] == [201] * 3
    assert [each.json()["seq"] for each in answers] == [3, 4, 1]
