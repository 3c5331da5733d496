"""The log holds what users sent. ``events`` and ``watch`` show it as it is, and go on after it."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from prepared_server import Answer, Prepared
from same_process import Here
from served import Served
from world import Room

LINE_BREAKS = '{"a":\n1,\r\n"b":[\n"\\u2028\\n\\u001b[2J"\n]\n}'
LONGEST = "9" * 4000  # an integer that every JSON reader of Python still takes
TOO_LONG = "9" * 5000
BEYOND = '{"up":1e999,"down":-1e999}'
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
KEYS_OF_TIMES = {
    "at", "created_at", "join_time", "leave_time", "expires_at", "due_at", "from_time", "to_time",
}  # fmt: skip


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def _strictly(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant)


@pytest.fixture
def odd(room: Room) -> Room:
    """Custom events of every kind, in exactly these bytes, and a message after them."""
    boss = room.join("boss")
    for payload in (LINE_BREAKS, LONGEST, BEYOND, TOO_LONG, "Infinity", "NaN"):
        frame = f'{{"type":"CustomEvent","payload":{{"event_type":"dice","payload":{payload}}}}}'
        boss.socket.send(frame)
    boss.say("after all that")
    return room


def _payloads(events: list[dict[str, Any]]) -> list[Any]:
    return [event["data"]["payload"] for event in events if event["type"] == "custom.sent"]


EXPECTED = [
    {"a": 1, "b": ["\u2028\n\x1b[2J"]},
    int(LONGEST),
    {"up": "1e999", "down": "-1e999"},
]


def test_a_list_holds_every_payload(served: Served, odd: Room) -> None:
    """In a pipe each is one line."""
    for verb in ("ls", "tail"):
        words = ("events", verb, "--room", odd.id)
        step = -1 if verb == "ls" else 1
        events = _strictly(served(*words, "--json").stdout)[::step]
        assert _payloads(events) == EXPECTED
        assert events[-1]["data"]["content"] == "after all that"
        piped = served(*words).stdout
        cells = [line.split("\t") for line in piped.splitlines()][::step]
        assert {len(each) for each in cells} == {6}
        assert [each[2] for each in cells].count("custom.sent") == len(EXPECTED)
        assert "after all that" in cells[-1][5]
        assert "\x1b" not in piped


def test_a_stream_goes_on_behind_them(served: Served, odd: Room) -> None:
    # The join, the custom events and the message.
    args = ("watch", odd.id, "--since", "0", "--count", str(2 + len(EXPECTED)))
    events = [_strictly(line) for line in served(*args, "--json").stdout.splitlines()]
    assert _payloads(events) == EXPECTED
    assert events[-1]["data"]["content"] == "after all that"
    shown = served(*args).stdout.splitlines()
    assert [line.split("\t")[1] for line in shown][-1] == "message.posted"


def test_a_line_that_is_no_json_ends_a_stream_with_a_sentence(here: Here, server: Prepared) -> None:
    """Of a server older than these rules, or of none of ours."""
    lobby = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
    server.answers = {
        f"GET /management/rooms/{lobby}": Answer({"room_id": lobby, "room_name": "lobby"}),
        "GET /management/status": Answer({"last_offset": 1}),
        "GET /management/events/stream": Answer(f'{{"n":{TOO_LONG}}}\n{{"a":\n1}}\n'.encode()),
    }
    message = f"chatctl: {server.url} sent a line that is no JSON\n"
    assert here("watch", lobby, "--server", server.url) == ("", message, 6)


def test_times_are_rfc_3339_in_utc(served: Served, room: Room) -> None:
    boss = room.join("boss")
    boss.say("hello")
    room.ban("eve", expires_in=3600)
    http = room.server.http
    http.put(f"{room.path}/mutes/bob", json={"expires_in": 60})
    http.post(f"{room.path}/kick/boss")
    boss.close_code()
    asked = {"room_id": room.id, "from": 1_767_323_045, "to": 1_767_409_445}
    assert http.post("/management/sync", json=asked).status_code == 202
    listed = served.json("events", "--room", room.id)
    assert served.json("events", "tail", "--room", room.id) == listed[::-1]
    seen = set()
    for event in listed:
        for key, value in {**event, **event["data"]}.items():
            if key in KEYS_OF_TIMES or key.endswith(("_at", "_time")):
                assert RFC3339.fullmatch(value), (event["type"], key, value)
                seen.add(key)
    assert seen == KEYS_OF_TIMES
    by_type = {event["type"]: event for event in listed}
    until = by_type["ban.set"]["data"]["expires_at"]
    assert _moment(until) - _moment(by_type["ban.set"]["at"]) == timedelta(hours=1)
    assert _moment(by_type["sync.requested"]["data"]["from_time"]).timestamp() == asked["from"]
    watched = served("watch", room.id, "--since", "1", "--count", "1", "--json").stdout
    assert _strictly(watched) == by_type["ban.set"]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_ban_for_ever_outlives_a_mistyped_one(served: Served, room: Room) -> None:
    room.ban("mallory", reason="spam")
    before = served.json("bans", room.id)
    for time in ("7", "7.5"):
        done = served("ban", room.id, "mallory", "--for", time)
        assert (done.stdout, done.exit) == ("", 2)
    assert served.json("bans", room.id) == before
    assert before[0]["expires_at"] is None
