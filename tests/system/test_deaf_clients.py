"""Clients that ask for much, and read none of it."""

import asyncio
from pathlib import Path

import pytest
from visitors import Visitor
from world import eventually, running

CLIENTS = 5


@pytest.mark.usefixtures("transport")
async def test_who_vanishes_has_left_the_room(tmp_path: Path) -> None:
    """Though they were asked to wait with what they say, and were sent more than they took."""
    with running(tmp_path) as server:
        room = server.create_room()
        boss = room.join("boss")
        for _ in range(100):
            boss.say("x" * 20_000)
        deaf = [Visitor(room, f"deaf-{number}", last_seq=100) for number in range(CLIENTS)]
        for each in deaf:
            assert await each.come(receive_buffer=4096)
            each.stop_reading()
            for _ in range(200):
                each.ask_history()
        await asyncio.to_thread(boss.frames_until_pong)
        for each in deaf:
            await each.vanish()
        eventually(lambda: room.details()["current_users"] == 1)
