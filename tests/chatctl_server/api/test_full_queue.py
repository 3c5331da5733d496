"""What HTTP asks of a writer that is busy: long requests weigh, announcements go first."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from application import held, in_process, reached
from team import SECRET, Town

from chatctl_server.actions import stored_files
from chatctl_server.app import Application
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage import store
from chatctl_server.storage.stored_files import StoredFile

Asked = tuple[str, str, dict[str, Any]]  # method, path, body
LONG = ["x" * 250 for _ in range(8)]
LONG_REQUESTS: list[Asked] = [
    ("POST", "", {"room_name": "many admins", "admin_user_ids": LONG}),
    ("PUT", "/{}/admins", {"admin_user_ids": LONG}),
    ("PATCH", "/{}/admins", {"add": LONG}),
    ("POST", "/{}/messages", {"content": "x" * 2000}),
]


async def create(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/management/rooms", json={"room_name": "short"})


async def keeps_others_out(app: Application, client: httpx.AsyncClient, asked: Asked) -> str:
    """Asks while the writer is held; the figures of that time."""
    backlog = app.context.store.backlog
    async with held(app.context.store):
        long = asyncio.create_task(client.request(asked[0], asked[1], json=asked[2]))
        await reached(lambda: app.context.store.backlog > backlog)
        refused = await create(client)
        assert (refused.status_code, refused.json()["code"]) == (503, "busy"), asked
        assert refused.headers["retry-after"] == "1"
        figures = (await client.get("/metrics")).text
        assert f"chatctl_writer_backlog {app.context.store.backlog}.0" in figures
    assert (await long).status_code in {200, 201}
    assert (await create(client)).status_code == 200
    return figures


async def test_what_waits_is_counted_by_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_WAITING_BYTES", 2000)
    monkeypatch.setattr(store, "MAX_URGENT_CALLS", 0)
    async with in_process(tmp_path) as (app, client):
        room_id = (await create(client)).json()["room_id"]
        for drops, (method, path, body) in enumerate(LONG_REQUESTS, 1):
            asked = method, f"/management/rooms{path.format(room_id)}", body
            figures = await keeps_others_out(app, client, asked)
            assert f'chatctl_queue_drops_total{{queue="writer"}} {drops}.0' in figures


async def test_what_is_said_in_chats_is_counted_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path / "chat.db")
    anna = town.person("Anna")
    chat = town.chat("private", "notes", anna)
    said = town.scene.post(chat, f"u{anna.id}", "hello")
    name = FileName(0, "a" * 64, "txt")
    town.scene.run(stored_files.store, [StoredFile(name, chat.scope, "text/plain", 1)])
    town.close()
    monkeypatch.setattr(store, "MAX_WAITING_BYTES", 2000)
    monkeypatch.setattr(store, "MAX_URGENT_CALLS", 0)
    async with in_process(tmp_path, jwt_secret=(SECRET,)) as (app, client):
        client.headers.update(anna.headers)
        posting = "POST", f"/api/chat/{chat.id}/messages"
        for asked in (
            (*posting, {"content": "x" * 2000}),
            (*posting, {"files": [name.url] * 25}),
            ("PATCH", f"/api/messages/{said.message_id}", {"content": "x" * 2000}),
        ):
            await keeps_others_out(app, client, asked)


async def test_an_announcement_is_taken_when_users_messages_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process(tmp_path) as (_, client):
        url = f"/management/rooms/{(await create(client)).json()['room_id']}/messages"
        monkeypatch.setattr(store, "MAX_WAITING_CALLS", 0)
        said = await client.post(url, json={"content": "x", "user_id": "anna"})
        assert (said.status_code, said.json()["code"]) == (503, "busy")
        announced = await client.post(url, json={"content": "closing at six"})
        assert announced.status_code == 201
