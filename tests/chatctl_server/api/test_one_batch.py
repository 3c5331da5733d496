"""Posts that wait together are stored together, through whatever door they came."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from application import Talker, held, in_process, reached

from chatctl_server.actions import messages
from chatctl_server.storage.transaction import Tx


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
