"""How often a user may send (contract, section 2, rule 3)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from world import Client, Room, Server, running

INTERVAL = 1000  # seconds: within a test it never ends by itself


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("slow")
    with running(directory, USER_MESSAGE_INTERVAL_SECS=str(INTERVAL)) as server:
        yield server


@pytest.fixture
def slow(slow_server: Server) -> Room:
    return slow_server.create_room("slow", admins=("boss",))


def refused(client: Client, text: str, client_id: str = "again") -> int:
    """The seconds to wait."""
    client.send("SendMessage", {"content": text, "client_msg_id": client_id})
    error = client.receive("Error")["payload"]
    wait = int(error["retry_after"])
    assert 0 < wait <= INTERVAL
    assert error == {
        "message": f"发送过于频繁，请{wait}秒后再试",
        "code": "throttled",
        "retry_after": wait,
        "client_msg_id": client_id,
    }
    return wait


def test_one_message_an_interval(slow: Room) -> None:
    anna, bert = slow.join("anna"), slow.join("bert")
    anna.say("first")
    waits = [refused(anna, "second"), refused(anna, "third")]
    assert INTERVAL - 60 <= waits[1] <= waits[0]  # a violation does not reset the timer
    bert.say("mine is another")
    assert [each["content"] for each in slow.history()] == ["mine is another", "first"]
    heard = [frame for frame in bert.frames_until_pong() if frame["type"] == "Message"]
    assert all(frame["payload"]["content"] != "second" for frame in heard)


def test_admins_are_not_throttled(slow: Room) -> None:
    boss = slow.join("boss")
    assert [boss.say("one")["seq"], boss.say("two")["seq"]] == [1, 2]


def test_rooms_are_apart(slow: Room, slow_server: Server) -> None:
    slow.join("anna").say("here")
    assert slow_server.create_room("other").join("anna").say("there")["seq"] == 1


def test_a_repeat_is_answered_whatever_throttle_and_mute_say(slow: Room) -> None:
    anna = slow.join("anna")
    anna.send("SendMessage", {"content": "first", "client_msg_id": "c"})
    assert anna.receive("Ack")["payload"]["duplicate"] is False
    anna.send("SendMessage", {"content": "first", "client_msg_id": "c"})
    assert anna.receive("Ack")["payload"]["duplicate"] is True
    slow.server.http.put(f"{slow.path}/mutes/anna")
    anna.send("SendMessage", {"content": "first", "client_msg_id": "c"})
    assert anna.receive("Ack")["payload"]["duplicate"] is True


def test_a_mute_is_said_before_a_throttle(slow: Room) -> None:
    anna = slow.join("anna")
    anna.say("first")
    slow.server.http.put(f"{slow.path}/mutes/anna")
    anna.send("SendMessage", {"content": "second"})
    types = [frame["type"] for frame in anna.frames_until_pong()]
    while "YouAreMuted" not in types:
        types.append(anna.next()["type"])
    assert "Error" not in types


def test_what_cannot_be_stored_does_not_count(slow: Room) -> None:
    anna = slow.join("anna")
    anna.send("SendMessage", {"content": "a\0b"})
    assert anna.receive("Error")["payload"]["code"] == "bad_text"
    anna.send("SendMessage", {"content": "x" * 32769})
    assert anna.receive("Error")["payload"]["code"] == "too_large"
    assert anna.say("first")["seq"] == 1


def test_two_frames_in_flight_cannot_both_pass(slow: Room) -> None:
    anna = slow.join("anna")
    for number in range(20):
        anna.send("SendMessage", {"content": f"{number}", "client_msg_id": f"{number}"})
    answers = []
    while len(answers) < 20:
        frame = anna.next()
        if frame["type"] in {"Ack", "Error"}:
            answers.append(frame)
    assert [frame["type"] for frame in answers] == ["Ack"] + ["Error"] * 19
    assert [each["content"] for each in slow.history()] == ["0"]


def test_a_reconnect_does_not_help(slow: Room) -> None:
    anna = slow.join("anna")
    anna.say("first")
    anna.close()
    refused(slow.join("anna"), "second")
    refused(slow.join("anna", nickname="another name"), "third")


def test_a_message_in_the_users_name_counts(slow: Room) -> None:
    anna = slow.join("anna")
    bert = slow.join("bert")
    bert.say("the room's times are known")
    slow.server.http.post(f"{slow.path}/messages", json={"content": "x", "user_id": "anna"})
    refused(anna, "mine")


def test_a_deleted_message_counts(slow: Room) -> None:
    anna = slow.join("anna")
    ack = anna.say("first")
    slow.server.http.delete(f"{slow.path}/messages/{ack['message_id']}")
    refused(anna, "second")


def test_it_ends_and_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="2") as server:
        room = server.create_room()
        anna = room.join("anna")
        anna.say("first")
        while True:  # refused until they are over, but for the last 200 ms
            anna.send("SendMessage", {"content": "second"})
            frame = anna.next()
            while frame["type"] not in {"Message", "Error"}:
                frame = anna.next()
            if frame["type"] == "Message" and frame["payload"]["content"] == "second":
                break
        first, second = room.history()[::-1]
        assert second["created_at"] - first["created_at"] >= 1
        server.stop()
        server.environment["USER_MESSAGE_INTERVAL_SECS"] = str(INTERVAL)
        server.start()
        refused(room.join("anna"), "third")
