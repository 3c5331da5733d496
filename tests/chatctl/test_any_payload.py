"""The log holds what users sent. ``events`` and ``watch`` show it as it is, and go on after it."""

import json
from typing import Any

import pytest
from prepared_server import Answer, Prepared
from same_process import Here
from world import Room

LINE_BREAKS = '{"a":\n1,\r\n"b":[\n"\\u2028\\n\\u001b[2J"\n]\n}'
LONGEST = "9" * 4000  # an integer that every JSON reader of Python still takes
TOO_LONG = "9" * 5000
BEYOND = '{"up":1e999,"down":-1e999}'


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


def test_a_list_holds_every_payload(served: Here, odd: Room) -> None:
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


def test_a_stream_goes_on_behind_them(served: Here, odd: Room) -> None:
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
