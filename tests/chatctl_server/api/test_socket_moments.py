"""What happens to a connection while its database, or its client, is held for a moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from application import Talker, held, in_process, reached

from chatctl_server.app import Application
from chatctl_server.storage import readers, store

Frame = dict[str, Any]


class Lobby:
    """A room of a server in this process."""

    def __init__(self, app: Application, client: httpx.AsyncClient, room_id: str) -> None:
        self.app, self.client, self.id = app, client, room_id
        self.path = f"/management/rooms/{room_id}"

    def dial(self, user_id: str, query: str = "") -> Talker:
        return Talker(self.app, self.id, user_id, query)

    async def join(self, user_id: str) -> Talker:
        found = self.dial(user_id)
        await found.got("WelcomeInfo")
        return found


@pytest.fixture
async def lobby(tmp_path: Path) -> AsyncIterator[Lobby]:
    async with in_process(tmp_path, "server") as (app, client):
        body = {"room_name": "lobby", "admin_user_ids": ["boss"]}
        made = await client.post("/management/rooms", json=body)
        yield Lobby(app, client, made.json()["room_id"])


async def test_what_comes_after_a_kick_is_not_stored(lobby: Lobby) -> None:
    anna = await lobby.join("anna")
    anna.may_send.clear()  # so that the close is not on the wire yet
    kicked = await lobby.client.post(f"{lobby.path}/kick/anna")
    assert kicked.json()["kicked"] is True
    anna.sends("SendMessage", {"content": "one more thing"})
    await anna.leave()
    # Stored behind whatever was still on its way.
    await lobby.client.post(f"{lobby.path}/messages", json={"content": "x", "user_id": "bert"})
    told = (await lobby.client.get(f"{lobby.path}/messages")).json()
    assert [each["content"] for each in told] == ["x"]


async def test_a_join_that_nobody_waits_for_leaves_no_member(lobby: Lobby) -> None:
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        anna = lobby.dial("anna")
        await reached(lambda: lobby.app.context.store.backlog > waiting)
        anna.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await anna.task
    left = {"params": {"type": "session.left"}}
    async with asyncio.timeout(15):
        while not (await lobby.client.get("/management/events", **left)).json():
            await asyncio.sleep(0.01)
    assert (await lobby.client.get(f"{lobby.path}/members")).json() == []


async def test_a_connection_has_at_most_256_messages_on_their_way(lobby: Lobby) -> None:
    anna = await lobby.join("anna")
    async with held(lobby.app.context.store):
        for number in range(300):
            anna.sends("SendMessage", {"content": f"{number}"})
        await reached(lambda: anna.heard >= 256)
        for _ in range(100):
            await asyncio.sleep(0)
        assert anna.heard == 256
    await reached(lambda: anna.heard == 300)
    await anna.leave()


COMMANDS: list[tuple[str, Frame]] = [
    ("KickUser", {"user_id": "bert"}),
    ("MuteUser", {"user_id": "bert"}),
    ("UnmuteUser", {"user_id": "bert"}),
    ("CustomEvent", {"event_type": "poll", "payload": 1}),
    ("KickUser", {"user_id": "\ud800"}),
]


async def test_a_command_of_a_non_admin_costs_the_database_nothing(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it overtake anything: it is neither queued nor looked up."""
    anna, boss = await lobby.join("anna"), await lobby.join("boss")
    await lobby.client.patch(f"{lobby.path}/admins", json={"remove": ["boss"]})
    monkeypatch.setattr(readers, "MAX_WAITING", 0)
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        for user in (anna, boss):
            for name, payload in COMMANDS:
                user.sends(name, payload)
            user.sends("Ping", {"timestamp": 1})
            await user.got("Pong")
        assert lobby.app.context.store.backlog == waiting
    for user in (anna, boss):
        assert "Error" not in {each["type"] for each in user.frames}
        await user.leave()


async def test_a_command_behind_the_loss_of_the_role_is_ignored(lobby: Lobby) -> None:
    """What the connection knows is behind; the transaction decides."""
    boss = await lobby.join("boss")
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        taking = lobby.client.patch(f"{lobby.path}/admins", json={"remove": ["boss"]})
        taken = asyncio.create_task(taking)
        await reached(lambda: lobby.app.context.store.backlog == waiting + 1)
        boss.sends("KickUser", {"user_id": "bert"})
        await reached(lambda: lobby.app.context.store.backlog == waiting + 2)
    assert (await taken).json()["changed"] is True
    boss.sends("Ping", {"timestamp": 1})
    await boss.got("Pong")
    assert (await lobby.client.get(f"{lobby.path}/bans")).json() == []
    await boss.leave()


async def test_a_resume_that_cannot_be_read_is_told_to_start_anew(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        anna = lobby.dial("anna", "&since=0")
        await reached(lambda: lobby.app.context.store.backlog > waiting)
        monkeypatch.setattr(readers, "MAX_WAITING", 0)
    assert (await anna.got("Error"))["code"] == "resync_required"
    monkeypatch.undo()
    await lobby.client.post(f"{lobby.path}/messages", json={"content": "live"})
    assert (await anna.got("System"))["message"] == "live"
    await anna.leave()


async def test_a_custom_event_that_waits_is_counted_by_its_length(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_WAITING_BYTES", 2000)
    monkeypatch.setattr(store, "MAX_URGENT_CALLS", 0)
    boss = await lobby.join("boss")
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        boss.sends("CustomEvent", {"event_type": "poll", "payload": "x" * 2000})
        await reached(lambda: lobby.app.context.store.backlog > waiting)
        refused = await lobby.client.post(f"{lobby.path}/kick/anna")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    await boss.got("CustomEvent")
    await boss.leave()
