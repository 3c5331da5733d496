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
    """For each user in each room; admins are not asked."""
    anna, bert = slow.join("anna"), slow.join("bert")
    anna.say("first")
    waits = [refused(anna, "second"), refused(anna, "third")]
    assert INTERVAL - 60 <= waits[1] <= waits[0]  # a violation does not reset the timer
    bert.say("mine is another")
    assert [each["content"] for each in slow.history()] == ["mine is another", "first"]
    assert slow.server.create_room("other").join("anna").say("there")["seq"] == 1
    anna.close()
    refused(slow.join("anna", nickname="another name"), "third")
    boss = slow.join("boss")
    assert [boss.say("one")["seq"], boss.say("two")["seq"]] == [3, 4]


def test_what_counts_and_what_is_said_before_it(slow: Room) -> None:
    anna, first = slow.join("anna"), {"content": "first", "client_msg_id": "c"}
    for content, code in (("a\0b", "bad_text"), ("x" * 32769, "too_large")):
        anna.send("SendMessage", {"content": content})
        assert anna.receive("Error")["payload"]["code"] == code
    anna.send("SendMessage", first)
    ack = anna.receive("Ack")["payload"]
    slow.server.http.delete(f"{slow.path}/messages/{ack['message_id']}")
    refused(anna, "second")
    slow.server.http.put(f"{slow.path}/mutes/anna")
    anna.send("SendMessage", first)
    assert anna.receive("Ack")["payload"]["duplicate"] is True
    anna.send("SendMessage", {"content": "second"})
    while (frame := anna.next())["type"] != "YouAreMuted":
        assert frame["type"] != "Error"


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
