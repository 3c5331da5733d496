"""Each command and each answer of the rooms protocol (contract, section 2, both tables), how often
a user may send, and whom it ignores: commands of a non-admin get no answer, however wrong they
are."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import wire
from world import Client, Room, Server, eventually, running


def test_a_message_without_an_id_has_no_ack(room: Room) -> None:
    anna = room.join("anna")
    anna.send("SendMessage", {"content": "plain"})
    payload = anna.receive("Message")["payload"]
    assert set(payload) == {
        "from",
        "nickname",
        "content",
        "is_admin",
        "message_id",
        "seq",
        "created_at",
    }
    assert "Ack" not in {frame["type"] for frame in anna.frames_until_pong()}


def answers_in_order(client: Client, count: int) -> list[str]:
    """Their types, without what anybody in the room is told."""
    found: list[str] = []
    while len(found) < count:
        name = client.next()["type"]
        found += [] if name in ("Message", "RoomStats") else [name]
    return found


def test_answers_come_in_the_order_of_the_frames(room: Room) -> None:
    """Also behind a command that waits for the database."""
    boss = room.join("boss")
    for number in range(20):
        boss.send("LoadHistory", {"limit": 5})
        boss.send("Ping", {"timestamp": number})
        boss.send("MuteUser", {"user_id": f"user {number}"})
        boss.send("Ping", {"timestamp": -1})
    told = answers_in_order(boss, 20 * 4)
    assert told == ["History", "Pong", "UserMuted", "Pong"] * 20


def test_answers_follow_those_of_the_messages_before(room: Room) -> None:
    anna = room.join("anna")
    for number in range(20):
        anna.send("SendMessage", {"content": "good", "client_msg_id": f"good {number}"})
        anna.send("SendMessage", {"content": "", "client_msg_id": f"empty {number}"})
        anna.send("LoadHistory", {"limit": 1})
        anna.send("SendMessage", {"content": "good again", "client_msg_id": f"again {number}"})
        anna.send("Ping", {"timestamp": number})
    told = answers_in_order(anna, 20 * 5)
    assert told == ["Ack", "Error", "History", "Ack", "Pong"] * 20


def test_the_ack(room: Room) -> None:
    anna, bert = room.join("anna", nickname="Anna A."), room.join("bert")
    acks = []
    for text in ("hello", "changed"):
        anna.send("SendMessage", {"content": text, "client_msg_id": "c-1"})
        acks.append(anna.receive("Ack")["payload"])
    message = bert.receive("Message")["payload"]
    assert message.pop("created_at") > 0
    assert message == {
        "from": "anna",
        "nickname": "Anna A.",
        "content": "hello",
        "is_admin": False,
        "message_id": acks[0]["message_id"],
        "seq": 1,
        "client_msg_id": "c-1",
    }
    assert acks == [
        {
            "client_msg_id": "c-1",
            "message_id": message["message_id"],
            "seq": 1,
            "duplicate": duplicate,
        }
        for duplicate in (False, True)
    ]
    assert "Message" not in {frame["type"] for frame in bert.frames_until_pong()}
    assert [each["content"] for each in room.history()] == ["hello"]


def test_a_kick_is_for_good_and_works_on_absent_users(room: Room) -> None:
    boss, anna = room.join("boss"), room.join("anna")
    for user in ("anna", "zoe"):
        boss.send("KickUser", {"user_id": user})
    frames, code = anna.last_frames()
    assert (frames[-1], code) == ({"type": "YouAreKicked"}, 4503)
    bans = eventually(lambda: (found := bans_of(room))[1:] and found)
    assert [(each["user_id"], each["banned_by"], each["expires_at"]) for each in bans] == [
        ("anna", "boss", None),
        ("zoe", "boss", None),
    ]
    assert room.server.join(room.id, "zoe").close_code() == 4503


def bans_of(room: Room) -> list[dict[str, Any]]:
    return list(room.server.http.get(f"{room.path}/bans").json())


def test_mute_and_unmute(room: Room) -> None:
    boss, anna = room.join("boss"), room.join("anna")
    boss.send("MuteUser", {"user_id": "anna"})
    assert boss.receive("UserMuted")["payload"] == {"user_id": "anna"}
    assert anna.receive("UserMuted")["payload"] == {"user_id": "anna"}
    anna.send("SendMessage", {"content": "x", "client_msg_id": "1"})
    assert anna.receive("YouAreMuted") == {"type": "YouAreMuted"}
    boss.send("UnmuteUser", {"user_id": "anna"})
    eventually(lambda: room.server.http.get(f"{room.path}/mutes").json() == [])
    assert anna.say("y")["seq"] == 1
    room.server.http.put(f"{room.path}/mutes/anna")
    assert boss.receive("UserMuted")["payload"] == {"user_id": "anna"}


CUSTOM_PAYLOADS = [
    '{"b" : 1,\n "a":[1.0, 1e400, -0, 12345678901234567890123], "a":"\\u0041\\ud83d\\ude00é"}',
    "null",
    "[]",
    '" \\u0000 \\/ "',
    "1E2",
    "0.10000000000000000000001",
]


def test_a_custom_event_is_broadcast_unchanged(room: Room) -> None:
    boss, anna = room.join("boss"), room.join("anna")
    for text in CUSTOM_PAYLOADS:
        wanted = '{"type":"CustomEvent","payload":{"event_type":"dice","payload":' + text + "}}"
        boss.socket.send(wanted)
        for client in (boss, anna):
            assert raw(client, "CustomEvent") == wanted
        answer = room.server.http.get(f"/management/events?room={room.id}&type=custom.sent")
        assert (answer.status_code, text in answer.text) == (200, True)


def test_a_pong_repeats_the_timestamp(room: Room) -> None:
    anna, bert = room.join("anna"), room.join("bert")
    for stamp in ("1", '"noon"', "null", "1.50", '{"a": [1, 2]}', "9" * 40):
        anna.socket.send('{"type":"Ping","payload":{"timestamp":' + stamp + "}}")
        assert raw(anna, "Pong") == '{"type":"Pong","payload":{"timestamp":' + stamp + "}}"
    assert "Pong" not in {frame["type"] for frame in bert.frames_until_pong()}


def raw(client: Client, name: str) -> str:
    """The next frame of that type, as it came."""
    while f'"{name}"' not in (text := str(client.socket.recv(timeout=15))):
        pass
    return text


IGNORED = [
    "",
    "x",
    "{",
    "null",
    "[]",
    "5",
    '"SendMessage"',
    "{}",
    '{"type":null}',
    '{"type":"Nothing"}',
    '{"type":"Nothing","payload":{}}',
    '{"type":"SendMessage"}',
    '{"type":"SendMessage","payload":null}',
    '{"type":"SendMessage","payload":{}}',
    '{"type":"SendMessage","payload":{"content":5}}',
    '{"type":"SendMessage","payload":{"content":"x","client_msg_id":5}}',
    '{"type":"KickUser","payload":{"user_id":5}}',
    '{"type":"LoadHistory","payload":{"limit":"x"}}',
    '{"type":"CustomEvent","payload":{"payload":1}}',
    '{"payload":{"content":"x"}}',
    '{"payload":"\\ud800","type":"Nothing"}',
    '{"type":"SendMessage","payload":{"content":"\\ud800","more":NaN}}',
    '{"type":"sendmessage","payload":{"content":"x"}}',
]


def test_what_cannot_be_decoded_is_ignored(room: Room) -> None:
    boss = room.join("boss")
    for seq, text in enumerate(IGNORED, 1):
        boss.socket.send(text)
        boss.socket.send(text.encode())  # a binary frame
        assert {frame["type"] for frame in boss.frames_until_pong()} <= {"RoomStats"}, text
        assert boss.say("still here")["seq"] == seq


def test_a_text_that_cannot_be_stored_is_answered(room: Room) -> None:
    """With its id, where that can be sent."""
    anna = room.join("anna")
    for seq, (content, code, client_id) in enumerate(
        (
            ("a\0b", "bad_text", "c"),
            ("x" * 32769, "too_large", "c"),
            *(("\ud800", "bad_text", each) for each in ("c", "line\nbreak", "\u202e")),
            *(("\ud800", "bad_text", each) for each in ("\ud800", 5, None)),
        ),
        1,
    ):
        anna.send("SendMessage", {"content": content, "client_msg_id": client_id})
        error = anna.receive("Error")["payload"]
        can_be_sent = isinstance(client_id, str) and client_id != "\ud800"
        assert error.pop("message")
        assert error == {"code": code} | ({"client_msg_id": client_id} if can_be_sent else {})
        assert anna.say("still here")["seq"] == seq


@pytest.fixture
def storied(room: Room) -> Room:
    """150 messages, the last of the system."""
    for number in range(1, 150):
        room.server.http.post(
            f"{room.path}/messages", json={"content": f"text {number}", "user_id": "anna"}
        )
    room.server.http.post(f"{room.path}/messages", json={"content": "text 150"})
    return room


def load(client: Client, **payload: Any) -> tuple[list[int], bool]:
    """The seqs told, and whether there are more."""
    client.send("LoadHistory", payload)
    history = client.receive("History")["payload"]
    assert set(history) == {"messages", "has_more"}
    return [each["seq"] for each in history["messages"]], history["has_more"]


def test_load_history(storied: Room) -> None:
    bert = storied.join("bert")
    assert load(bert) == (list(range(51, 151)), True)
    assert load(bert, before=51) == (list(range(1, 51)), False)
    assert load(bert, before=101) == (list(range(1, 101)), False)
    assert load(bert, before=102) == (list(range(2, 102)), True)
    assert load(bert, before=4, limit=2) == ([2, 3], True)
    assert load(bert, before=3, limit=2) == ([1, 2], False)
    assert load(bert, before=1) == ([], False)
    assert load(bert, limit=1000)[0] == list(range(51, 151))
    for far in (151, 2**62, 2**63, 10**30):
        assert load(bert, before=far, limit=1) == ([150], True)
    for far in (0, -1, -(2**63), -(10**30)):
        assert load(bert, before=far) == ([], False)
    for odd in (0, -5, -(10**30)):
        assert len(load(bert, limit=odd)[0]) <= 1
    bert.socket.send('{"type":"LoadHistory"}')
    assert len(bert.receive("History")["payload"]["messages"]) == 100


def test_history_tells_a_message_as_it_was_sent(room: Room) -> None:
    anna = room.join("anna", nickname="Anna A.")
    anna.send("SendMessage", {"content": "hello", "client_msg_id": "c"})
    live = anna.receive("Message")["payload"]
    anna.send("LoadHistory", {})
    assert anna.receive("History")["payload"] == {"messages": [live], "has_more": False}


def test_a_history_does_not_overtake_answers_that_wait(room: Room) -> None:
    """Of a client that does not read for a while."""
    boss = room.join("boss")
    with wire.dial(room.server, receive_buffer=4096) as slow:
        slow.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna"))
        while b"WelcomeInfo" not in slow.recv(4096):
            pass
        for _ in range(20):
            boss.say("x" * 30_000)
        mine = {"content": "mine", "client_msg_id": "1"}
        slow.sendall(frame("SendMessage", mine) + frame("LoadHistory", {"limit": 1}))
        eventually(lambda: room.history()[0]["content"] == "mine")
        time.sleep(0.3)  # for the history, which is read
        told = b""
        while b'"History"' not in told:
            told += slow.recv(65536)
        assert b'"Ack"' in told
        assert told.index(b'"Ack"') < told.index(b'"History"')
    boss.close()


def frame(name: str, payload: dict[str, Any]) -> bytes:
    text = json.dumps({"type": name, "payload": payload}).encode()
    assert len(text) < 126
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text


WRONG = {
    "a lone surrogate as a user": ("KickUser", '{"user_id":"\\ud800"}'),
    "U+0000 as a user": ("KickUser", '{"user_id":"a\\u0000b"}'),
    "nobody": ("KickUser", '{"user_id":""}'),
    "a user without end": ("KickUser", '{"user_id":"' + "x" * 256 + '"}'),
    "a mute of a lone surrogate": ("MuteUser", '{"user_id":"\\udfff"}'),
    "a mute of U+0000": ("MuteUser", '{"user_id":"\\u0000"}'),
    "a mute of nobody": ("MuteUser", '{"user_id":""}'),
    "an event of no type": ("CustomEvent", '{"event_type":"","payload":1}'),
    "an event of type U+0000": ("CustomEvent", '{"event_type":"\\u0000","payload":1}'),
    "an event of a surrogate": ("CustomEvent", '{"event_type":"\\ud800","payload":1}'),
    "a surrogate in an event": ("CustomEvent", '{"event_type":"e","payload":"\\ud800"}'),
    "an event of a huge number": (
        "CustomEvent",
        '{"event_type":"e","payload":' + "9" * 5000 + "}",
    ),
}


def send(client: Client, name: str, payload: str) -> None:
    client.socket.send('{"type":"' + name + '","payload":' + payload + "}")


def answers(client: Client) -> list[dict[str, Any]]:
    return [frame for frame in client.frames_until_pong() if frame["type"] == "Error"]


def told(room: Room) -> list[str]:
    """What the log holds, besides who came and went."""
    events = room.server.http.get("/management/events", params={"room": room.id}).json()
    types = [str(each["type"]) for each in events]
    return [each for each in types if not each.startswith("session.")]


def test_a_wrong_command_of_a_non_admin_gets_no_answer(room: Room) -> None:
    anna = room.join("anna")
    for place, kind in enumerate(WRONG, start=1):
        send(anna, *WRONG[kind])
        assert answers(anna) == [], kind
        assert anna.say("the next frame")["seq"] == place
    assert told(room) == ["room.created", *["message.posted"] * len(WRONG)]


def test_an_admin_is_told_what_is_wrong(room: Room) -> None:
    boss = room.join("boss")
    for place, kind in enumerate(WRONG, start=1):
        send(boss, *WRONG[kind])
        (answer,) = answers(boss)
        assert answer["payload"]["code"] in {"bad_text", "invalid_input"}, kind
        assert boss.say("the next frame")["seq"] == place
    assert told(room) == ["room.created", *["message.posted"] * len(WRONG)]


def test_who_becomes_an_admin_commands_at_once(room: Room) -> None:
    anna = room.join("anna")
    room.server.http.patch(f"{room.path}/admins", json={"add": ["anna"]})
    anna.send("CustomEvent", {"event_type": "poll", "payload": 1})
    assert anna.receive("CustomEvent")["payload"] == {"event_type": "poll", "payload": 1}
    room.server.http.patch(f"{room.path}/admins", json={"remove": ["anna"]})
    anna.send("KickUser", {"user_id": "bert"})
    assert {each["type"] for each in anna.frames_until_pong()} <= {"RoomStats"}
    assert room.server.http.get(f"{room.path}/bans").json() == []


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
