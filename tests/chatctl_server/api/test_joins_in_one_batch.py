"""Joins that are stored together are told one after the other, as if each had come alone."""

from pathlib import Path

from application import Talker, held, in_process, reached

from chatctl_server.actions import sessions
from chatctl_server.app import Application


async def are_waiting(app: Application, count: int) -> None:
    waiting = app.context.store._waiting
    await reached(lambda: sum(call.action is sessions.UPDATE for call in waiting) == count)


async def test_who_came_first_is_told_of_who_came_in_the_same_batch(tmp_path: Path) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        made = await client.post("/management/rooms", json={"room_name": "lobby"})
        room_id = made.json()["room_id"]
        talkers = []
        async with held(app.context.store):
            for number, user_id in enumerate(("anna", "bert", "carl"), 1):
                talkers.append(Talker(app, room_id, user_id))
                await are_waiting(app, number)
        anna, bert, carl = talkers
        await reached(lambda: anna.named("RoomStats"))
        assert [each["user_id"] for each in anna.named("UserJoined")] == ["bert", "carl"]
        assert [each["user_id"] for each in bert.named("UserJoined")] == ["carl"]
        assert carl.named("UserJoined") == []
        assert anna.named("RoomStats") == [{"current_users": 3, "peak_users": 3}]
        for each in talkers:
            await each.leave()


async def test_of_two_connections_of_a_user_in_one_batch_the_later_stays(tmp_path: Path) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        made = await client.post("/management/rooms", json={"room_name": "lobby"})
        room_id = made.json()["room_id"]
        talkers = []
        async with held(app.context.store):
            for number in (1, 2):
                talkers.append(Talker(app, room_id, "anna"))
                await are_waiting(app, number)
        first, second = talkers
        await reached(lambda: first.frames[-1:] == [{"type": "YouAreKicked"}])
        await reached(lambda: second.named("RoomStats"))
        assert second.named("RoomStats") == [{"current_users": 1, "peak_users": 1}]
        for each in talkers:
            await each.leave()
