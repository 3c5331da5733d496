"""Clients that lose their connection again and again while a room is busy, and resume."""

import asyncio
import json
import random
from pathlib import Path

import proof
import pytest
from websockets.asyncio.client import ClientConnection, connect
from world import Room, Server, running

CLIENTS = 25
DISCONNECTS = proof.size(300, 5000)
IN_FLIGHT = 8
PATIENCE_SECONDS = 15


class Listener:
    """Reads on from its last seq; ``wrong`` is what came out of order."""

    def __init__(self, room: Room, number: int) -> None:
        self.last_seq = 0
        self.wrong: list[str] = []
        self._url = (
            f"ws://127.0.0.1:{room.server.port}/ws/rooms/{room.id}?user_id=listener-{number}"
        )
        self._chance = random.Random(number)

    def connect(self) -> connect:
        url = f"{self._url}&since={self.last_seq}"
        return connect(url, compression=None, proxy=None, close_timeout=1)

    async def read_until(self, socket: ClientConnection, seq: int) -> None:
        """Fails when a busy room does not bring the client there: nobody may starve."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.last_seq < seq:
                self._take(json.loads(await socket.recv()))

    def _take(self, frame: dict[str, dict[str, int]]) -> None:
        if frame["type"] == "Message":
            seq = frame["payload"]["seq"]
            if seq != self.last_seq + 1:
                self.wrong.append(f"{seq} after {self.last_seq}")
            self.last_seq = seq
        elif frame["type"] == "Error":
            self.wrong.append(str(frame))

    async def lose_connections(self, times: int) -> None:
        for _ in range(times):
            socket = await self.connect()
            newest = json.loads(await socket.recv())["payload"]["last_seq"]
            # Some are cut off in the middle of the replay, most once they are live.
            goal = self.last_seq if self._chance.random() < 0.3 else newest
            await self.read_until(socket, goal + self._chance.randint(1, 40))
            if self._chance.random() < 0.2:
                await socket.close()
            else:
                socket.transport.abort()
                await socket.wait_closed()

    async def finish(self, last_seq: int) -> None:
        async with self.connect() as socket:
            await self.read_until(socket, last_seq)


async def _post(room: Room, user_id: str, stop: asyncio.Event) -> int:
    """Keeps some posts in flight until it is stopped; how many were acknowledged."""
    url = f"ws://127.0.0.1:{room.server.port}/ws/rooms/{room.id}?user_id={user_id}"
    sent = acknowledged = 0
    async with connect(url, compression=None, proxy=None) as socket:
        while not (stop.is_set() and sent == acknowledged):
            while sent - acknowledged < IN_FLIGHT and not stop.is_set():
                sent += 1
                payload = {"content": f"{sent} of {user_id}", "client_msg_id": str(sent)}
                await socket.send(json.dumps({"type": "SendMessage", "payload": payload}))
            acknowledged += json.loads(await socket.recv())["type"] == "Ack"
    return acknowledged


@pytest.mark.usefixtures("transport")
@pytest.mark.timeout(proof.time_limit())
async def test_resume_under_load(tmp_path: Path) -> None:
    # Who is done waits while others go on, and is then far behind: that is not what is tested.
    with running(tmp_path, RESUME_LIMIT="1000000") as server:
        await _resume_under_load(server)


async def _resume_under_load(server: Server) -> None:
    room = server.create_room()
    listeners = [Listener(room, number) for number in range(CLIENTS)]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        posting = [group.create_task(_post(room, f"writer-{number}", stop)) for number in range(2)]
        await asyncio.gather(
            *(listener.lose_connections(DISCONNECTS // CLIENTS) for listener in listeners)
        )
        stop.set()
    total = sum(task.result() for task in posting)
    for listener in listeners:  # one by one: each may be tens of thousands of messages behind
        await listener.finish(total)
    print(f"{DISCONNECTS} disconnects while {total} messages were posted")
    assert [listener.wrong for listener in listeners] == [[]] * CLIENTS
    assert {listener.last_seq for listener in listeners} == {total}
    assert "Traceback" not in server.log.read_text()
