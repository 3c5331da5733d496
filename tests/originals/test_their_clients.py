"""Clients that were written for the original: a bot, a host that archives."""

import time
from pathlib import Path
from typing import Any

import hooks
from receivers import Receiver, receiver
from world import eventually, running

ANSWERS = ("Ack", "Error", "Pong")


def test_a_client_with_the_exact_cadence_is_never_refused(tmp_path: Path) -> None:
    """It sends every second, by its clock, and the interval is one second."""
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="1") as server:
        anna = server.create_room().join("anna")
        due = time.monotonic()
        for number in range(4):
            time.sleep(max(0.0, due - time.monotonic()))
            anna.send("SendMessage", {"content": f"{number}"})
            due += 1.0
        seen = [each["type"] for each in anna.frames_until_pong()]
    assert seen.count("Message") == 4
    assert "Error" not in seen


def test_a_refusal_comes_behind_the_answers_before_it(tmp_path: Path) -> None:
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="60") as server:
        anna = server.create_room().join("anna")
        for number in range(20):
            anna.send("SendMessage", {"content": "hello", "client_msg_id": f"{number}"})
            anna.send("Ping", {"timestamp": 1000 + number})
        told = [each["payload"] for each in anna.frames_until_pong() if each["type"] in ANSWERS]
    answered = [each.get("client_msg_id") or str(each["timestamp"] - 1000) for each in told]
    assert answered == [f"{number}" for number in range(20) for _ in range(2)]


def test_a_host_that_reads_by_range_misses_nothing(tmp_path: Path) -> None:
    """``to`` of one read is ``from`` of the next, less one second: each message once. A sync by
    range has its last second, too."""
    with receiver() as hook, hooks.calling(tmp_path, hook, "CHAT_HISTORY_CALLBACK_URL") as server:
        room = server.create_room()
        anna = room.join("anna")
        begin = int(time.time())
        said = [f"{number}" for number in range(15)]
        for text in said:
            anna.say(text)
            time.sleep(0.1)
        last = int(time.time())
        found: list[str] = []
        for second in range(begin, last + 1):
            page = room.history(**{"from": second, "to": second})
            found += [each["content"] for each in reversed(page)]
        assert found == said
        second = room.history()[0]["created_at"]
        body = {"kinds": ["chat_history"], "from": second, "to": second, "room_id": room.id}
        hooks.request_sync(server, **body)
        (batch,) = hooks.wait_for_event(hook, "chat_history_batch")
    assert batch.json["messages"][-1]["content"] == said[-1]


def test_the_body_at_the_closing_has_the_whole_history(tmp_path: Path) -> None:
    """A receiver archives by it."""
    with receiver() as hook, hooks.calling(tmp_path, hook) as server:
        room = server.create_room()
        anna = room.join("anna")
        for number in range(250):
            anna.say(f"{number}")
        assert server.http.delete(room.path).status_code == 204
        hooks.wait_for_event(hook, "room_closed")
        last = eventually(lambda: archived(hook, 250))
        assert [each["content"] for each in last["chat_history"]] == [f"{n}" for n in range(250)]
        told = [each.json["event_type"] for each in hooks.at(hook, "ROOM_EVENT_CALLBACK_URL")]
    assert told == ["RoomCreated", "UserJoined", "UserLeft", "RoomClosed"]


def archived(hook: Receiver, count: int) -> Any:
    found = hooks.bodies(hook, "DATA_CALLBACK_URL")
    return next((each for each in found if len(each["chat_history"]) == count), None)
