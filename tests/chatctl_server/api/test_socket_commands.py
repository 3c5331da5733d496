"""Each command and each answer of the rooms protocol (contract, section 2, both tables)."""

import json
import time
from typing import Any

import pytest
import wire
from world import Client, Room, eventually

ADMIN_COMMANDS = [
    ("KickUser", {"user_id": "bert"}),
    ("MuteUser", {"user_id": "bert"}),
    ("UnmuteUser", {"user_id": "bert"}),
    ("CustomEvent", {"event_type": "dice", "payload": 6}),
]


def errors_of(client: Client) -> list[dict[str, Any]]:
    return [frame["payload"] for frame in client.frames_until_pong() if frame["type"] == "Error"]


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


def test_answers_come_in_the_order_of_the_frames(room: Room) -> None:
    """Also behind a command that waits for the database."""
    boss = room.join("boss")
    for number in range(20):
        boss.send("LoadHistory", {"limit": 5})
        boss.send("Ping", {"timestamp": number})
        boss.send("MuteUser", {"user_id": f"user {number}"})
        boss.send("Ping", {"timestamp": -1})
    told = [boss.next()["type"] for _ in range(20 * 4)]
    assert told == ["History", "Pong", "UserMuted", "Pong"] * 20


def test_answers_follow_those_of_the_messages_before(room: Room) -> None:
    anna = room.join("anna")
    for number in range(20):
        anna.send("SendMessage", {"content": "good", "client_msg_id": f"good {number}"})
        anna.send("SendMessage", {"content": "", "client_msg_id": f"empty {number}"})
        anna.send("LoadHistory", {"limit": 1})
        anna.send("SendMessage", {"content": "good again", "client_msg_id": f"again {number}"})
        anna.send("Ping", {"timestamp": number})
    told: list[str] = []
    while len(told) < 20 * 5:
        frame = anna.next()
        told += [] if frame["type"] == "Message" else [frame["type"]]
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


def test_a_client_id_is_the_senders_own_in_that_room(room: Room) -> None:
    other = room.server.create_room("other")
    for client in (room.join("anna"), room.join("bert"), other.join("anna")):
        client.send("SendMessage", {"content": "x", "client_msg_id": "same"})
        assert client.receive("Ack")["payload"]["duplicate"] is False


def test_seqs_count_the_rooms_messages(room: Room) -> None:
    other = room.server.create_room("other").join("anna")
    anna, bert = room.join("anna"), room.join("bert")
    assert [anna.say("1")["seq"], other.say("1")["seq"], bert.say("2")["seq"]] == [1, 1, 2]
    assert room.join("carl").welcome["last_seq"] == 2


def test_an_admins_messages_say_so(room: Room) -> None:
    anna, boss = room.join("anna"), room.join("boss")
    assert (anna.welcome["is_admin"], boss.welcome["is_admin"]) == (False, True)
    boss.say("listen")
    assert anna.receive("Message")["payload"]["is_admin"] is True


def test_of_others_admin_commands_are_ignored(room: Room) -> None:
    anna, bert = room.join("anna"), room.join("bert")
    room.server.http.put(f"{room.path}/mutes/carl")
    for command in ADMIN_COMMANDS:
        anna.send(*command)
    assert errors_of(anna) == []
    anna.say("still here")
    assert {frame["type"] for frame in bert.frames_until_pong()} <= {
        "Message",
        "RoomStats",
        "UserMuted",
        "UserJoined",
    }
    assert room.join("bert").welcome["is_muted"] is False


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


def test_the_history_of_an_empty_room(room: Room) -> None:
    assert load(room.join("anna")) == ([], False)


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
