"""The rooms protocol as two clients see it (contract rooms, section 2)."""

from world import Room


def test_two_users_talk(room: Room) -> None:
    anna, bert = room.join("anna"), room.join("bert", nickname="Bert B.")
    assert anna.welcome == {
        "user_id": "anna",
        "nickname": "anna",
        "is_muted": False,
        "is_admin": False,
        "last_seq": 0,
    }
    ack = bert.say("hello")
    message = anna.receive("Message")["payload"]
    assert message.pop("created_at") > 0
    assert message == {
        "from": "bert",
        "nickname": "Bert B.",
        "content": "hello",
        "is_admin": False,
        "message_id": ack["message_id"],
        "seq": 1,
        "client_msg_id": ack["client_msg_id"],
    }


def test_a_kick_is_a_ban(room: Room) -> None:
    boss, anna = room.join("boss"), room.join("anna")
    boss.send("KickUser", {"user_id": "anna"})
    frames, code = anna.last_frames()
    assert frames[-1] == {"type": "YouAreKicked"}
    assert code == 4503
    again = room.server.join(room.id, "anna")
    frames, code = again.last_frames()
    assert [frame["type"] for frame in frames] == ["Error"]
    assert frames[0]["payload"]["code"] == "banned"
    assert code == 4503


def test_only_an_admin_kicks(room: Room) -> None:
    anna, bert = room.join("anna"), room.join("bert")
    anna.send("KickUser", {"user_id": "bert"})
    anna.say("still here?")
    assert bert.receive("Message")["payload"]["content"] == "still here?"


def test_resume_after_a_disconnect(room: Room) -> None:
    anna, bert = room.join("anna"), room.join("bert")
    for number in range(3):
        bert.say(f"before {number}")
    anna.close()
    for number in range(3):
        bert.say(f"after {number}")
    back = room.join("anna", since=3)
    bert.say("live")
    assert [back.receive("Message")["payload"]["seq"] for _ in range(4)] == [4, 5, 6, 7]
