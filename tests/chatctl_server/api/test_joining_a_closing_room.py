"""The sessions of a large room end before it is closed; who comes in between is told of it, too."""

from functools import partial
from pathlib import Path

import pytest
from application import Talker, in_process, reached

from chatctl_server.actions import conversations
from chatctl_server.domain import close_codes, events
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import room_sessions

OPERATOR = events.Actor(None, "test")
ROOM = RoomRef(1, 1)


async def test_their_connection_from_before_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "SESSIONS_A_CALL", 1)
    async with in_process(tmp_path, "server") as (app, client):
        made = (await client.post("/management/rooms", json={"room_name": "lobby"})).json()
        path = f"/management/rooms/{made['room_id']}"
        talkers = [Talker(app, made["room_id"], user) for user in ("anna", "bert")]
        await reached(lambda: all(each.named("WelcomeInfo") for each in talkers))
        store = app.context.store
        assert await store.write(conversations.end_sessions, OPERATOR, ROOM)
        (stays,) = await store.read(room_sessions.open_of_room, ROOM, 10)
        assert stays.user_id == "bert"
        again = Talker(app, made["room_id"], "anna")
        await reached(partial(again.named, "WelcomeInfo"))
        anna, bert = talkers
        await reached(lambda: anna.code is not None)
        assert anna.code == close_codes.REPLACED
        assert anna.frames[-1]["type"] == "YouAreKicked"
        assert len((await client.get(f"{path}/members")).json()) == 2
        assert (await client.delete(path)).status_code == 204
        for each in (again, bert):
            await reached(lambda each=each: each.code is not None)  # type: ignore[misc]
            assert each.code == close_codes.ROOM_CLOSED
        for each in (*talkers, again):
            await each.leave()
        assert app.context.presence.connections == 0
