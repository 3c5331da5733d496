"""UserJoined and UserLeft: at once in a quiet room, in a storm with the second's RoomStats."""

import asyncio
import json
from typing import Any

import pytest

from chatctl_server.api.rooms import broadcaster as broadcasters
from chatctl_server.api.rooms.broadcaster import VIEW, RoomBroadcaster
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.live import wire
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Connection, Limits, Presence
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.views.rooms.refusals import RoomWords

ROOM = RoomRef(1, ROOMS)
HOST = events.Actor(None, "test")


class Line(AsgiWebSocket):
    """Keeps what it is given at a time."""

    def __init__(self) -> None:
        super().__init__(asyncio.Event().wait, self._drop)  # type: ignore[arg-type]
        self.writes: list[list[str]] = []

    async def _drop(self, event: Any) -> None: ...

    def write(self, frames: bytes) -> None:
        told = [json.loads(text) for text in wire.texts(frames)]
        self.writes.append([f"{each['type']} {each['payload'].get('user_id')}" for each in told])


class Scene:
    def __init__(self) -> None:
        self.hub, self.presence = Hub(), Presence(Limits(100))
        self.broadcaster = RoomBroadcaster(self.hub, self.presence, RoomWords())
        self.lines: dict[str, Line] = {}
        self._offset = 0

    def _publish(self, payload: events.Payload) -> None:
        self._offset += 1
        entry = events.Event(self._offset, 1, ROOM.scope, ROOM.id, HOST, payload)
        self.broadcaster.publish(entry)
        self.hub.advance(self._offset)

    def join(self, user_id: str) -> None:
        """As the socket does."""
        session = len(self.lines) + 1
        self._publish(events.SessionJoined(session, user_id, user_id, 0, 0, 0))
        line = self.lines[user_id] = Line()
        connection = Connection(ROOM, user_id, user_id, "")
        connection.session_id = session
        connection.subscriber = self.hub.subscriber(line, VIEW)
        self.presence.take_slot(connection)
        self.broadcaster.welcome(connection, 1)
        self.hub.join(ROOM, connection.subscriber, self.hub.published)

    def leave(self, user_id: str) -> None:
        session = [*self.lines].index(user_id) + 1
        self._publish(events.SessionLeft(session, user_id, user_id, 0, 0, "left", 0))

    async def the_second_ends(self) -> None:
        self.broadcaster._due[ROOM].cancel()
        self.broadcaster._tell(ROOM)
        await turns()

    async def end(self) -> None:
        self.broadcaster.stop()
        for line in self.lines.values():
            await line.end()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def long_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """They end when the test says so."""
    monkeypatch.setattr(broadcasters, "STATS_SECONDS", 600)


async def test_in_a_storm_each_is_written_once() -> None:
    scene = Scene()
    scene.join("anna")
    for number in range(3):
        scene.join(f"user-{number}")
        await turns()
    scene.leave("user-1")
    await turns()
    assert scene.lines["anna"].writes == []
    await scene.the_second_ends()
    assert scene.lines["anna"].writes == [
        [*(f"UserJoined user-{number}" for number in range(3)), "UserLeft user-1", "RoomStats None"]
    ]
    assert scene.lines["user-2"].writes == [["UserLeft user-1", "RoomStats None"]]
    await scene.end()


async def test_in_a_quiet_room_the_next_is_told_at_once() -> None:
    scene = Scene()
    scene.join("anna")
    await scene.the_second_ends()
    scene.join("bert")
    await turns()
    assert scene.lines["anna"].writes == [["RoomStats None"], ["UserJoined bert"]]
    await scene.end()


async def test_names_come_before_the_numbers_also_when_there_are_many_by_then() -> None:
    scene = Scene()
    for number in range(60):
        scene.join(f"user-{number}")
    await scene.the_second_ends()
    (told,) = scene.lines["user-0"].writes
    assert told == [*(f"UserJoined user-{number}" for number in range(1, 49)), "RoomStats None"]
    await scene.end()


async def test_what_waits_goes_with_the_next_message() -> None:
    scene = Scene()
    scene.join("anna")
    scene.join("bert")
    scene.hub.publish((ROOM,), 100, broadcasters.shown_as(b'{"type":"Message","payload":{}}'))
    await turns()
    assert scene.lines["anna"].writes == [["Message None", "UserJoined bert"]]
    await scene.end()
