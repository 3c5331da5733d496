"""Every time in an event is RFC 3339 UTC with microseconds, in pages and on the stream."""

import json
import re
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from world import Room, eventually

from chatctl_server.domain import events

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TIMES = {
    name
    for event in events.TYPES
    for name in event.payload.__struct_fields__
    if name.endswith(("_at", "_time"))
}
FROM, TO = 1_600_000_000, 1_600_000_001  # Unix seconds


def moment(text: str) -> datetime:
    assert FORM.fullmatch(text)
    return datetime.fromisoformat(text)


@pytest.fixture
def eventful(room: Room) -> Room:
    """Every kind of event that has times in its data."""
    http = room.server.http
    boss = room.join("boss")
    boss.say("hello")
    boss.socket.send(
        '{"type":"CustomEvent","payload":{"event_type":"e","payload":{"created_at":5}}}'
    )
    boss.receive("CustomEvent")
    boss.close()
    query = {"room": room.id, "type": "session.left"}
    eventually(lambda: http.get("/management/events", params=query).json())
    room.ban("anna", expires_in=60)
    room.ban("bert")
    http.put(f"{room.path}/mutes/anna", json={"expires_in": 60})
    http.post("/management/sync", json={"room_id": room.id, "from": FROM, "to": TO})
    http.post("/management/sync", json={"room_id": room.id})
    return room


def pages(room: Room) -> list[dict[str, Any]]:
    query: dict[str, str | int] = {"room": room.id, "limit": 1000}
    return list(room.server.http.get("/management/events", params=query).json())


def streamed(room: Room, count: int) -> list[dict[str, Any]]:
    query: dict[str, str | int] = {"room": room.id, "after": 0}
    with room.server.http.stream("GET", "/management/events/stream", params=query) as answer:
        lines = (line for line in answer.iter_lines() if line)
        return [json.loads(next(lines)) for _ in range(count)]


def test_every_time_that_an_event_can_have_is_told_so(eventful: Room) -> None:
    found = pages(eventful)
    assert streamed(eventful, len(found)) == found
    seen = set()
    for event in found:
        if event["type"] == "custom.sent":
            continue
        for name in TIMES & event["data"].keys():
            if event["data"][name] is not None:
                moment(event["data"][name])
                seen.add(name)
    assert seen == TIMES


def test_they_are_the_times_that_they_say(eventful: Room) -> None:
    found = pages(eventful)
    of = {event["type"]: event for event in found}
    joined, left = of["session.joined"], of["session.left"]
    assert left["data"]["join_time"] == joined["at"]
    assert left["data"]["leave_time"] == left["at"]
    assert of["message.posted"]["data"]["created_at"] == of["message.posted"]["at"]
    sanctions = [event for event in found if event["type"] in {"ban.set", "mute.set"}]
    for event in (sanctions[0], sanctions[2]):
        ends = moment(event["data"]["expires_at"])
        assert ends - moment(event["at"]) == timedelta(seconds=60)
    assert sanctions[1]["data"]["expires_at"] is None
    assert abs(moment(left["at"]).timestamp() - time.time()) < 60
