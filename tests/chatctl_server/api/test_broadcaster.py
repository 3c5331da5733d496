"""What a commit does to connections that are on their way in."""

import asyncio
from typing import Any

import pytest

from chatctl_server import errors
from chatctl_server.api.rooms.broadcaster import (
    DISMISSED_AT_ONCE,
    NOT_SHOWN,
    STREAM_VIEW,
    VIEW,
    RoomBroadcaster,
)
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Connection, Limits, Presence
from chatctl_server.live.transports import AsgiWebSocket
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
    monkeypatch.setattr("chatctl_server.api.rooms.broadcaster.STATS_SECONDS", 0)
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
