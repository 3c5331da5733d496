"""Clients that lose their connection again and again while a room is busy, and resume."""

import asyncio
import random
from pathlib import Path

import proof
import pytest
from visitors import Visitor
from world import Room, Server, running

CLIENTS = 25
DISCONNECTS = proof.size(300, 5000)
IN_FLIGHT = 8


async def lose_connections(listener: Visitor, chance: random.Random, times: int) -> None:
    for _ in range(times):
        assert await listener.come()
        # Some are cut off in the middle of the replay, most once they are live.
        goal = listener.last_seq if chance.random() < 0.3 else listener.newest
        await listener.reads(goal + chance.randint(1, 40))
        assert listener.code is None
        await (listener.leave if chance.random() < 0.2 else listener.vanish)()


async def post(room: Room, user_id: str, stop: asyncio.Event) -> int:
    """Keeps some posts in flight until it is stopped; how many there were."""
    writer = Visitor(room, user_id)
    assert await writer.come()
    while not stop.is_set():
        while writer.posted - writer.acknowledged < IN_FLIGHT:
            writer.say("text")
        await writer.reaches(lambda: writer.posted - writer.acknowledged < IN_FLIGHT)
    await writer.reaches(lambda: writer.posted == writer.acknowledged)
    await writer.leave()
    return writer.posted


@proof.over_each_transport()
@pytest.mark.timeout(proof.time_limit())
async def test_resume_under_load(tmp_path: Path) -> None:
    # Who is done waits while others go on, and is then far behind: that is not what is tested.
    with running(tmp_path, RESUME_LIMIT="1000000") as server:
        await _resume_under_load(server)


async def _resume_under_load(server: Server) -> None:
    room = server.create_room()
    listeners = [Visitor(room, f"listener-{number}") for number in range(CLIENTS)]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        posting = [group.create_task(post(room, f"writer-{number}", stop)) for number in range(2)]
        await asyncio.gather(
            *(
                lose_connections(each, random.Random(number), DISCONNECTS // CLIENTS)
                for number, each in enumerate(listeners)
            )
        )
        stop.set()
    total = sum(task.result() for task in posting)
    for listener in listeners:  # one by one: each may be tens of thousands of messages behind
        assert await listener.come()
        await listener.reads(total)
        await listener.leave()
    print(f"{DISCONNECTS} disconnects while {total} messages were posted")
    told = [(each.wrong, each.errors, each.last_seq) for each in listeners]
    assert told == [([], [], total)] * CLIENTS
    assert "Traceback" not in server.log.read_text()
