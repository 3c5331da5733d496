"""The log over HTTP: pages, filters, times, and the stream that follows it."""

import itertools
import json
import re
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from application import pages
from world import Room, Server, eventually

from chatctl_server.domain import events as log_events

Shown = dict[str, Any]


def events(server: Server, **query: Any) -> list[Shown]:
    answer = server.http.get("/management/events", params=query)
    assert answer.status_code == 200, answer.text
    return [dict(each) for each in answer.json()]


@pytest.fixture(scope="module")
def story(shared_server: Server) -> Room:
    """Created, muted, banned, unbanned, and three messages; no test adds to it."""
    room, http = shared_server.create_room("lobby"), shared_server.http
    http.put(f"{room.path}/mutes/anna")
    http.put(f"{room.path}/bans/bert", json={"reason": "spam"})
    http.delete(f"{room.path}/bans/bert")
    for number in range(3):
        http.post(f"{room.path}/messages", json={"content": f"text {number}"})
    return room


TYPES = ["room.created", "mute.set", "ban.set", "ban.lifted", *["message.posted"] * 3]


def test_an_event(story: Room) -> None:
    event = events(story.server, room=story.id, type="ban.set")[0]
    assert list(event) == [
        "offset",
        "event_id",
        "type",
        "at",
        "scope",
        "room_id",
        "conversation_id",
        "actor",
        "credential",
        "address",
        "data",
    ]
    assert uuid.UUID(event["event_id"]).version == 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["at"])
    assert abs(datetime.fromisoformat(event["at"]).timestamp() - time.time()) < 60
    assert (event["scope"], event["room_id"]) == ("rooms", story.id)
    assert (event["conversation_id"], event["actor"]) == (story.id, None)
    assert (event["credential"], event["address"]) == ("api-key", "127.0.0.1")
    assert event["data"] == {
        "user_id": "bert",
        "reason": "spam",
        "banned_by": None,
        "expires_at": None,
    }


def test_a_posted_message_as_an_event(story: Room) -> None:
    event = events(story.server, room=story.id, type="message.posted")[0]
    data = event["data"]
    assert data.pop("created_at") == event["at"]
    assert data.pop("message_id") > 0
    assert data == {
        "seq": 1,
        "kind": "system",
        "sender": "system",
        "nickname": "system",
        "content": "text 0",
        "sender_kind": "system",
    }


def test_by_type(story: Room) -> None:
    for pattern, types in (
        ("ban.*", ["ban.set", "ban.lifted"]),
        ("*.set", ["mute.set", "ban.set"]),
        ("message.posted", ["message.posted"] * 3),
        ("nothing.like.it", []),
        ("[bm]*.set", ["mute.set", "ban.set"]),
        ("?an.*", ["ban.set", "ban.lifted"]),
    ):
        found = events(story.server, room=story.id, type=pattern)
        assert [each["type"] for each in found] == types, pattern


def test_by_actor(room: Room) -> None:
    boss = room.join("boss")
    boss.say("hello")
    boss.send("MuteUser", {"user_id": "anna"})
    boss.receive("UserMuted")
    found = events(room.server, room=room.id, actor="boss")
    assert [each["type"] for each in found] == ["session.joined", "message.posted", "mute.set"]
    assert {each["credential"] for each in found} == {"room:open"}
    assert found[-1]["data"]["muted_by"] == "boss"
    assert events(room.server, room=room.id, actor="nobody") == []


def test_after_an_offset_or_an_event_id(story: Room) -> None:
    everything = events(story.server, room=story.id)
    for place in ("offset", "event_id"):
        after = events(story.server, room=story.id, after=everything[2][place])
        assert after == everything[3:]
    newest = events(story.server, tail="true", limit=1)[0]["offset"]
    assert events(story.server, after=newest + 1_000_000) == []
    assert events(story.server, after=10**30) == []


def test_after_a_message(story: Room) -> None:
    all_of_it = events(story.server, room=story.id)
    for seq, position in ((0, 0), (1, 5), (2, 6), (3, 7)):
        assert events(story.server, room=story.id, after_seq=seq) == all_of_it[position:]
    answer = story.server.http.get(
        "/management/events", params={"room": story.id, "after_seq": 4}
    ).json()
    assert (answer["status"], answer["code"], answer["field"]) == (
        409,
        "resync_required",
        "after_seq",
    )
    of_no_room = story.server.http.get("/management/events", params={"after_seq": 1})
    assert (of_no_room.status_code, of_no_room.json()["field"]) == (400, "room")


def test_pages_by_link_keep_the_order_and_the_filters(story: Room) -> None:
    everything = events(story.server, room=story.id)
    assert [each["type"] for each in everything] == TYPES
    path = f"/management/events?room={story.id}"
    for query, expected in (
        ("limit=3", [everything[:3], everything[3:6], everything[6:]]),
        ("type=*.set&limit=1", [everything[1:2], everything[2:3]]),
        (
            "tail=true&limit=2",  # the newest, still ascending
            [everything[-2:], everything[-4:-2], everything[-6:-4], everything[:1]],
        ),
    ):
        assert pages(story.server.http, f"{path}&{query}") == expected, query


def test_pages_of_a_part(story: Room) -> None:
    everything = events(story.server, room=story.id)
    first, last = everything[1]["offset"], everything[-2]["offset"]
    part = f"/management/events?room={story.id}&after={first}&until={last}&limit=2"
    assert pages(story.server.http, part) == [everything[2:4], everything[4:-1]]
    assert pages(story.server.http, f"{part}&tail=true") == [everything[4:-1], everything[2:4]]


def test_from_and_until_an_event_or_a_time(story: Room) -> None:
    everything, now = events(story.server, room=story.id), int(time.time())
    for query, expected in (
        ({"until": everything[2]["offset"]}, everything[:3]),
        ({"until": everything[2]["event_id"]}, everything[:3]),
        ({"until_time": now}, everything),
        ({"until_time": now - 3600}, []),
        ({"since_time": 0}, everything),
        ({"since_time": now + 3600}, []),
    ):
        assert events(story.server, room=story.id, **query) == expected, query


def lines(answer: httpx.Response) -> Iterator[Shown]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return (json.loads(line) for line in answer.iter_lines() if line)


def stream(room: Room, **query: Any) -> Any:
    query = {"room": room.id, **query}
    return room.server.http.stream("GET", "/management/events/stream", params=query)


@pytest.mark.parametrize("place", ["offset", "event_id"])
def test_the_stream_begins_at_a_place_and_goes_on(room: Room, place: str) -> None:
    room.ban("anna")
    everything = events(room.server, room=room.id)
    with stream(room, after=everything[0][place]) as answer:
        told = lines(answer)
        assert next(told) == everything[1]
        room.ban("bert")
        assert next(told) == events(room.server, room=room.id)[-1]


def test_the_stream_begins_at_once_and_no_proxy_holds_it_back(room: Room) -> None:
    with stream(room) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        room.ban("carl")
        told = answer.iter_lines()
        assert (next(told), "ban.set" in next(told)) == ("", True)


def test_the_stream_begins_with_the_newest(room: Room) -> None:
    path = f"{room.path}/messages"
    for number in range(3):
        room.server.http.post(path, json={"content": f"text {number}"})
    with stream(room, tail=2, type="message.*") as answer:
        told = lines(answer)
        assert [next(told)["data"]["content"] for _ in range(2)] == ["text 1", "text 2"]
        room.ban("carl")  # filtered out
        room.server.http.post(path, json={"content": "text 3"})
        assert next(told)["data"]["content"] == "text 3"


def test_a_line_of_the_stream_is_one_event(room: Room) -> None:
    """Whatever line breaks stand in an admin's JSON."""
    boss = room.join("boss")
    boss.socket.send('{"type":"CustomEvent","payload":{"event_type":"poll","payload":{"a":\n1}}}')
    with stream(room, type="custom.sent", after=0) as answer:
        assert next(lines(answer))["data"]["payload"] == {"a": 1}


FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TIMES = {
    name
    for event in log_events.TYPES
    for name in event.payload.__struct_fields__
    if name.endswith(("_at", "_time")) and name != "joined_at"  # which chats alone have
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


def test_every_time_that_an_event_can_have_is_told_so(eventful: Room) -> None:
    found = events(eventful.server, room=eventful.id, limit=1000)
    with stream(eventful, after=0) as answer:
        assert list(itertools.islice(lines(answer), len(found))) == found
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
    found = events(eventful.server, room=eventful.id, limit=1000)
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


def test_every_action_over_http_is_an_event(room: Room) -> None:
    http = room.server.http
    http.patch(room.path, json={"room_name": "hall"})
    http.put(f"{room.path}/admins", json={"admin_user_ids": ["anna"]})
    http.put(f"{room.path}/mutes/u")
    http.delete(f"{room.path}/mutes/u")
    room.join("anna")
    http.post(f"{room.path}/kick/anna")
    posted = http.post(f"{room.path}/messages", json={"content": "x"}).json()
    http.delete(f"{room.path}/messages/{posted['message_id']}")
    http.delete(room.path)
    assert " ".join(each["type"] for each in events(room.server, room=room.id)) == (
        "room.created room.renamed room.admins_set mute.set mute.lifted session.joined "
        "user.kicked session.left message.posted message.erased room.closed"
    )
