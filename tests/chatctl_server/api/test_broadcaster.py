"""What a commit does to connections: those on their way in; UserJoined and UserLeft, at once in a
quiet room, in a storm with the second's RoomStats; and what cannot be shown, which
costs that one alone."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from application import held, in_process, reached

from chatctl_server import errors
from chatctl_server.actions import conversations, messages
from chatctl_server.api.rooms import broadcaster as broadcasters
from chatctl_server.api.rooms.broadcaster import (
    DISMISSED_AT_ONCE,
    NOT_SHOWN,
    STREAM_VIEW,
    VIEW,
    RoomBroadcaster,
)
from chatctl_server.app import Application
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.live import trailing_edge, wire
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Connection, Limits, Presence
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.storage import log
from chatctl_server.views.rooms.refusals import RoomWords

ROOM = RoomRef(1, ROOMS)


class Sent:
    """What a subscriber was sent."""

    def __init__(self, hub: Hub) -> None:
        self.frames: list[str] = []
        self.code: int | None = None
        self.subscriber = hub.subscriber(AsgiWebSocket(self._receive, self._send), VIEW)

    async def _receive(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def _send(self, event: dict[str, Any]) -> None:
        if event["type"] == "websocket.send":
            self.frames.append(event["text"])
        else:
            self.code = event["code"]


def connected(
    presence: Presence, sent: Sent, session_id: int = 7, user_id: str = "anna"
) -> Connection:
    connection = Connection(ROOM, user_id, "anna", "")
    connection.session_id, connection.subscriber = session_id, sent.subscriber
    presence.take_slot(connection)
    return connection


@pytest.mark.parametrize(
    ("reason", "code"), [("banned", 4503), ("kicked", 4506), ("replaced", 4505)]
)
async def test_a_session_ended_during_its_resume_is_dropped(
    reason: events.LeaveReason, code: int
) -> None:
    """Between the join's commit and the hub stands a read of the database."""
    hub, presence = Hub(), Presence(Limits(10))
    sent = Sent(hub)
    broadcaster = RoomBroadcaster(hub, presence, RoomWords())
    broadcaster.welcome(connected(presence, sent), 1)
    left = events.SessionLeft(7, "anna", "anna", 0, 1, reason, 0)
    broadcaster.publish(events.Event(1, 1, ROOM.scope, ROOM.id, events.Actor(None, "test"), left))
    async with asyncio.timeout(5):
        await sent.subscriber.transport.end()
    broadcaster.stop()
    assert sent.code == code
    assert presence.find(ROOM, "anna") is None
    assert len(sent.frames) == 1


async def test_that_a_room_is_closed_is_told_when_it_is() -> None:
    """Of a large one sessions end in transactions before, and the last one may fail."""
    hub, presence = Hub(), Presence(Limits(10_000))
    broadcaster, host = RoomBroadcaster(hub, presence, RoomWords()), events.Actor(None, "test")
    everybody = [Sent(hub) for _ in range(DISMISSED_AT_ONCE + 1)]
    for number, sent in enumerate(everybody):
        broadcaster.welcome(connected(presence, sent, number, f"{number}"), 1)
    left = events.SessionLeft(0, "0", "anna", 0, 1, "closed", 0)
    broadcaster.publish(events.Event(1, 1, ROOM.scope, ROOM.id, host, left))
    assert not everybody[0].subscriber.is_finished
    closed = events.ConversationClosed("room")
    broadcaster.publish(events.Event(2, 1, ROOM.scope, ROOM.id, host, closed))
    async with asyncio.timeout(5):
        for sent in everybody:
            await sent.subscriber.transport.end()
    broadcaster.stop()
    assert {sent.code for sent in everybody} == {4508}
    assert presence.members(ROOM) == []


async def test_a_late_end_of_the_old_session_leaves_the_new_connection() -> None:
    hub, presence = Hub(), Presence(Limits(10))
    broadcaster, old, new = RoomBroadcaster(hub, presence, RoomWords()), Sent(hub), Sent(hub)
    earlier = connected(presence, old)
    broadcaster.welcome(earlier, 1)
    later = connected(presence, new, 8)
    broadcaster.welcome(later, 1)
    broadcaster.dismiss(earlier, "left")
    left = events.SessionLeft(7, "anna", "anna", 0, 1, "left", 1)
    broadcaster.publish(events.Event(1, 1, ROOM.scope, ROOM.id, events.Actor(None, "test"), left))
    broadcaster.stop()
    assert presence.find(ROOM, "anna") is later
    assert not new.subscriber.is_finished


async def test_after_the_stop_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trailing_edge, "SECONDS", 0)
    hub, presence = Hub(), Presence(Limits(10))
    sent = Sent(hub)
    failures: list[object] = []
    loop, passed = asyncio.get_running_loop(), asyncio.Event()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    broadcaster = RoomBroadcaster(hub, presence, RoomWords())
    broadcaster.welcome(connected(presence, sent), 1)
    broadcaster.stop()
    loop.call_later(0.001, passed.set)
    await passed.wait()
    assert failures == []


async def test_who_was_shown_out_counts_no_more_for_the_user_but_for_the_server() -> None:
    """However long the old socket takes to close: its owner is let in again."""
    presence, hub = Presence(Limits(10, per_user=1)), Hub()
    earlier = connected(presence, Sent(hub))
    presence.add(earlier)
    presence.remove(earlier)
    newer = connected(presence, Sent(hub))
    assert presence.connections == 2
    with pytest.raises(errors.ConnectionLimit, match="MAX_CONNECTIONS_PER_USER"):
        connected(presence, Sent(hub))
    presence.free_slot(earlier)
    presence.free_slot(newer)
    connected(presence, Sent(hub))
    assert presence.connections == 1


def test_what_could_not_be_shown_leaves_a_streams_position() -> None:
    """Its ``resync_required`` has no id: a client that connects again goes on before it."""
    assert b"resync_required" in NOT_SHOWN[VIEW]
    assert b"resync_required" in NOT_SHOWN[STREAM_VIEW]
    assert b"id:" not in NOT_SHOWN[STREAM_VIEW]


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
        self.broadcaster._stats._end(ROOM, self.broadcaster._tell_stats)
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
    monkeypatch.setattr(trailing_edge, "SECONDS", 600)


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


async def test_names_come_before_the_numbers_and_a_large_room_is_told_numbers_only() -> None:
    scene = Scene()
    for number in range(60):
        scene.join(f"user-{number}")
    await scene.the_second_ends()
    told = scene.lines["user-0"].writes
    assert told == [[*(f"UserJoined user-{each}" for each in range(1, 49)), "RoomStats None"]]
    scene.leave("user-59")
    await scene.the_second_ends()
    assert told[1:] == [["RoomStats None"]]
    await scene.end()


async def test_what_waits_goes_with_the_next_message() -> None:
    scene = Scene()
    scene.join("anna")
    scene.join("bert")
    scene.hub.publish((ROOM,), 100, broadcasters.shown_as(b'{"type":"Message","payload":{}}'))
    await turns()
    assert scene.lines["anna"].writes == [["Message None", "UserJoined bert"]]
    await scene.end()


ANNA = events.Actor("anna", "test", None)
BAD = "cannot be shown"


real = broadcasters.frames.of_event


def of_event(entry: events.Event) -> bytes | None:
    if isinstance(entry.payload, events.MessagePosted) and entry.payload.content == BAD:
        raise ValueError("no frame can be made")
    return real(entry)


@pytest.fixture
def unshowable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcasters.frames, "of_event", of_event)


async def post_together(app: Application, room: RoomRef, *texts: str) -> None:
    """In one transaction."""
    store, done = app.context.store, []
    async with held(store):
        for text in texts:
            post = messages.Post(room, ANNA, "anna", "anna", text)
            store.submit(messages.POST, (post,), done.append)
    await reached(lambda: len(done) == len(texts))
    assert all(isinstance(each, messages.Posted) for each in done)


async def open_room(app: Application) -> RoomRef:
    created = await app.context.store.write(conversations.create_room, ANNA, "lobby", ())
    return created.ref


@pytest.mark.usefixtures("unshowable")
async def test_one_of_a_batch_costs_that_one_and_its_room_a_resync(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_process(tmp_path, "server") as (app, _):
        room, other = await open_room(app), RoomRef(1000, ROOMS)
        hub, notifier = app.context.hub, app.context.notifier
        listener, stranger = Sent(hub), Sent(hub)
        hub.join(room, listener.subscriber, hub.published)
        hub.join(other, stranger.subscriber, hub.published)
        seen = notifier.count
        with caplog.at_level(logging.ERROR):
            await post_together(app, room, "one", BAD, "three")
        assert notifier.count > seen
        newest = await app.context.store.read(log.newest_offset)
        assert hub.published == newest
        for each in (listener, stranger):
            each.subscriber.finish(4000)
            await each.subscriber.transport.end()
        shown = [json.loads(frame) for frame in listener.frames]
        assert [each["type"] for each in shown] == ["Message", "Error", "Message"]
        assert [each["payload"].get("content") for each in shown] == ["one", None, "three"]
        assert shown[1]["payload"]["code"] == "resync_required"
        assert stranger.frames == []
        (line,) = [each for each in caplog.records if each.exc_info]
        assert line.getMessage() == f"rooms: the event at offset {newest - 1} could not be shown"


@pytest.mark.usefixtures("unshowable")
async def test_who_comes_back_is_not_sent_the_rest_as_if_it_were_all(tmp_path: Path) -> None:
    """The newest frames lack one: what stands before it is read from the database."""
    async with in_process(tmp_path, "server") as (app, _):
        room = await open_room(app)
        hub = app.context.hub
        listener, returning = Sent(hub), Sent(hub)
        hub.join(room, listener.subscriber, hub.published)
        before = hub.published
        await post_together(app, room, "one", BAD, "three")
        assert not hub.join(room, returning.subscriber, before)
        assert not hub.join(room, returning.subscriber, before + 1)
        assert hub.join(room, returning.subscriber, before + 2)
