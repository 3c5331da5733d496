"""A room in the test's own process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from application import Lobby, in_process


@pytest.fixture
async def lobby(tmp_path: Path) -> AsyncIterator[Lobby]:
    async with in_process(tmp_path, "server") as (app, client):
        body = {"room_name": "lobby", "admin_user_ids": ["boss"]}
        made = await client.post("/management/rooms", json=body)
        yield Lobby(app, client, made.json()["room_id"])
