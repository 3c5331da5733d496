"""The log holds what users sent. ``events`` and ``watch`` show it as it is, and go on after it."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from prepared_server import Answer, Chatctl, Finished, Prepared
from same_process import Here
from world import KEY, Client, Room

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


def _custom(client: Client, payload: str) -> None:
    """A frame in exactly these bytes, which no client library would write."""
    frame = f'{{"type":"CustomEvent","payload":{{"event_type":"dice","payload":{payload}}}}}'
    client.socket.send(frame)


@pytest.fixture
def odd(room: Room) -> Room:
    """Custom events of every kind, and a message after them."""
    boss = room.join("boss")
    for payload in (LINE_BREAKS, LONGEST, BEYOND, TOO_LONG, "Infinity", "NaN"):
        _custom(boss, payload)
    boss.say("after all that")
    return room


def _run(here: Here, room: Room, *args: str) -> Finished:
    done = here(*args, "--server", room.server.url, ADMIN_API_KEY=KEY)
    assert (done.stderr, done.exit) == ("", 0), done
    return done


def _payloads(events: list[dict[str, Any]]) -> list[Any]:
    return [event["data"]["payload"] for event in events if event["type"] == "custom.sent"]


EXPECTED = [
    {"a": 1, "b": ["\u2028\n\x1b[2J"]},
    int(LONGEST),
    {"up": "1e999", "down": "-1e999"},
]


@pytest.mark.parametrize("verb", [("events", "ls"), ("events", "tail")], ids=" ".join)
def test_a_list_holds_every_payload(here: Here, odd: Room, verb: tuple[str, ...]) -> None:
    events = _strictly(_run(here, odd, *verb, "--room", odd.id, "--json").stdout)
    events = events[::-1] if verb[-1] == "ls" else events
    assert _payloads(events) == EXPECTED
    assert [event["data"].get("content") for event in events][-1] == "after all that"


@pytest.mark.parametrize("verb", [("events", "ls"), ("events", "tail")], ids=" ".join)
def test_in_a_pipe_each_is_one_line(here: Here, odd: Room, verb: tuple[str, ...]) -> None:
    done = _run(here, odd, *verb, "--room", odd.id)
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    cells = cells[::-1] if verb[-1] == "ls" else cells
    assert {len(each) for each in cells} == {6}
    assert [each[2] for each in cells].count("custom.sent") == len(EXPECTED)
    assert "after all that" in cells[-1][5]
    assert "\x1b" not in done.stdout


def test_watch_goes_on_behind_them(here: Here, odd: Room) -> None:
    # The join, the custom events and the message.
    count = str(2 + len(EXPECTED))
    args = ("watch", odd.id, "--since", "0", "--count", count)
    events = [_strictly(line) for line in _run(here, odd, *args, "--json").stdout.splitlines()]
    assert _payloads(events) == EXPECTED
    assert events[-1]["data"]["content"] == "after all that"
    shown = _run(here, odd, *args).stdout.splitlines()
    assert [line.split("\t")[1] for line in shown][-1] == "message.posted"


def test_tail_follows_through_them(chatctl: Chatctl, room: Room) -> None:
    boss = room.join("boss")
    chatctl.environ["ADMIN_API_KEY"] = KEY
    args = ("--room", room.id, "--type", "[cm]*", "--json", "--server", room.server.url)
    with chatctl.start("events", "tail", "-f", *args) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        try:
            # The first one may come before the command has looked where the log ends.
            boss.say("before")
            while True:
                event = _strictly(tail.stdout.readline().decode())
                if event["type"] == "message.posted":
                    break
            for payload in (LINE_BREAKS, LONGEST, BEYOND):
                _custom(boss, payload)
            boss.say("after")
            events = [_strictly(tail.stdout.readline().decode()) for _ in range(4)]
        finally:
            tail.terminate()
            tail.wait(30)
        assert tail.stderr.read() == b""
    assert _payloads(events) == EXPECTED
    assert events[-1]["data"]["content"] == "after"


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


def test_times_are_rfc_3339_in_utc(here: Here, room: Room) -> None:
    boss = room.join("boss")
    boss.say("hello")
    room.ban("eve", expires_in=3600)
    http = room.server.http
    http.put(f"{room.path}/mutes/bob", json={"expires_in": 60})
    http.post(f"{room.path}/kick/boss")
    boss.close_code()
    asked = {"room_id": room.id, "from": 1_767_323_045, "to": 1_767_409_445}
    assert http.post("/management/sync", json=asked).status_code == 202
    listed = _strictly(_run(here, room, "events", "--room", room.id, "--json").stdout)
    tailed = _strictly(_run(here, room, "events", "tail", "--room", room.id, "--json").stdout)
    assert tailed == listed[::-1]
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


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_watch_has_the_same_times(here: Here, room: Room) -> None:
    room.ban("eve", expires_in=3600)
    listed = _strictly(
        _run(here, room, "events", "--type", "ban.*", "--room", room.id, "--json").stdout
    )
    args = ("watch", room.id, "--since", "0", "--count", "1", "--json")
    assert _strictly(_run(here, room, *args).stdout) == listed[0]


@pytest.mark.parametrize("time", ["7", "7.5"])
def test_a_ban_for_ever_outlives_a_mistyped_one(here: Here, room: Room, time: str) -> None:
    room.ban("mallory", reason="spam")
    before = _run(here, room, "bans", room.id, "--json").stdout
    args = ("ban", room.id, "mallory", "--for", time, "--server", room.server.url)
    done = here(*args, ADMIN_API_KEY=KEY)
    assert (done.stdout, done.exit) == ("", 2)
    assert _run(here, room, "bans", room.id, "--json").stdout == before
    assert _strictly(before)[0]["expires_at"] is None
