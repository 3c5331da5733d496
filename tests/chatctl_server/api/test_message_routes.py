"""Messages over HTTP: posted, repeated, refused, deleted; and gone from every later answer.
``system`` speaks for the server: nobody joins or posts under that name."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import wire
from world import Room

SECRET = "my-phone-number-is-55512"


def post(room: Room, **body: Any) -> httpx.Response:
    return room.server.http.post(f"{room.path}/messages", json=body)


def test_a_system_message(room: Room) -> None:
    anna = room.join("anna")
    before = int(time.time())
    answer = post(room, content="maintenance at six")
    assert answer.status_code == 201
    posted = answer.json()
    assert before <= posted["created_at"] <= time.time()
    assert list(posted) == ["message_id", "seq", "created_at", "duplicate"]
    assert (posted["seq"], posted["duplicate"]) == (1, False)
    assert anna.receive("System")["payload"] == {
        "message": "maintenance at six",
        "message_id": posted["message_id"],
        "seq": 1,
    }
    assert room.history() == [
        {
            "user_id": "system",
            "nickname": "system",
            "content": "maintenance at six",
            "created_at": posted["created_at"],
        }
    ]


def test_a_message_in_a_users_name(room: Room) -> None:
    anna = room.join("anna")
    post(room, content="hi", user_id="boss", nickname="The Boss", client_msg_id="1")
    post(room, content="ho", user_id="bert")
    first, second = anna.receive("Message")["payload"], anna.receive("Message")["payload"]
    assert (first["from"], first["nickname"], first["is_admin"]) == ("boss", "The Boss", True)
    assert first["client_msg_id"] == "1"
    assert (second["from"], second["nickname"], second["is_admin"]) == ("bert", "bert", False)
    assert "client_msg_id" not in second


def test_a_repeat_is_not_stored_again(room: Room) -> None:
    first = post(room, content="once", user_id="anna", client_msg_id="x")
    again = post(room, content="another text", user_id="anna", client_msg_id="x")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "duplicate": True}
    assert post(room, content="other user", user_id="bert", client_msg_id="x").status_code == 201
    assert [each["content"] for each in room.history()] == ["other user", "once"]


def test_the_limit_of_a_text_is_in_utf8_bytes(room: Room) -> None:
    assert post(room, content="é" * 16384).status_code == 201
    answer = post(room, content="é" * 16384 + "x")
    assert answer.status_code == 413
    assert (answer.json()["code"], answer.json()["field"]) == ("too_large", "content")


def test_a_banned_user_is_not_spoken_for(room: Room) -> None:
    room.ban("anna")
    answer = post(room, content="x", user_id="anna")
    assert (answer.status_code, answer.json()["code"]) == (403, "banned")
    assert room.history() == []


def test_delete(room: Room) -> None:
    anna = room.join("anna")
    message_id = post(room, content="oops", user_id="bert").json()["message_id"]
    path = f"{room.path}/messages/{message_id}"
    answers = [room.server.http.delete(path) for _ in range(2)]
    assert [(each.status_code, each.json()) for each in answers] == [
        (200, {"changed": True}),
        (200, {"changed": False}),
    ]
    assert anna.receive("MessageDeleted")["payload"] == {"message_id": message_id, "seq": 1}


def test_an_unknown_message_and_one_of_another_room_are_404(room: Room) -> None:
    other = room.server.create_room("other")
    theirs = post(other, content="theirs").json()["message_id"]
    for message_id in ("0", "-1", "999999", "9" * 30, theirs):
        answer = room.server.http.delete(f"{room.path}/messages/{message_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found")
    assert other.history()[0]["content"] == "theirs"


@pytest.fixture(params=["text", "system"])
def purged(request: pytest.FixtureRequest, room: Room) -> Room:
    """A message deleted while somebody listens, with others around it."""
    listener = room.join("listener")
    post(room, content="before", user_id="anna")
    sender = {"user_id": "anna", "client_msg_id": "c"} if request.param == "text" else {}
    message_id = post(room, content=SECRET, **sender).json()["message_id"]
    post(room, content="after", user_id="anna")
    room.server.http.delete(f"{room.path}/messages/{message_id}")
    assert SECRET in json.dumps(listener.frames_until_pong())
    return room


ANSWERS: dict[str, Callable[[Room], Any]] = {
    "history": lambda room: room.history(),
    "sync": lambda room: [
        each
        for each in room.server.http.get("/management/sync").json()
        if each["room_id"] == room.id
    ],
    "events": lambda room: room.server.http.get(f"/management/events?room={room.id}").json(),
}


def test_a_deleted_text_is_gone_from_http(purged: Room) -> None:
    told = {where: json.dumps(answer(purged)) for where, answer in ANSWERS.items()}
    assert {where for where, text in told.items() if "before" in text and "after" in text} == {
        *ANSWERS
    }
    assert [where for where, text in told.items() if SECRET in text] == []


def test_a_deleted_text_is_gone_from_load_history(purged: Room) -> None:
    carl = purged.join("carl")
    carl.send("LoadHistory", {})
    rows = carl.receive("History")["payload"]["messages"]
    assert [row["content"] for row in rows] == ["before", "", "after"]
    assert [row.get("deleted", False) for row in rows] == [False, True, False]


@pytest.mark.parametrize("since", [0, 1])
def test_a_deleted_text_is_gone_from_a_resume(purged: Room, since: int) -> None:
    """Also while the room's newest frames are still in memory."""
    carl = purged.join("carl", since=since)
    purged.join("dora").say("live")
    frames = []
    while not frames or frames[-1].get("payload", {}).get("content") != "live":
        frames.append(carl.next())
    assert SECRET not in json.dumps(frames)
    seen = [frame["payload"]["seq"] for frame in frames if "seq" in frame.get("payload", {})]
    assert sorted(set(seen)) == list(range(since + 1, 5))
    deletions = [frame["payload"] for frame in frames if frame["type"] == "MessageDeleted"]
    assert {each["seq"] for each in deletions} == {2}


def test_nobody_joins_as_the_system(room: Room) -> None:
    for spelling in ("system", "s%79stem"):
        path = f"/ws/rooms/{room.id}?user_id={spelling}&nickname=anna"
        answer = wire.ask(room.server, wire.upgrade(path))
        assert (answer.status, answer.json()["code"]) == (400, "invalid_input")
        assert (answer.json()["field"], "reserved" in answer.json()["detail"]) == ("user_id", True)
    assert room.details()["total_joins"] == 0


def test_nobody_is_spoken_for_as_the_system(room: Room) -> None:
    body = {"content": "I am the system", "user_id": "system", "nickname": "anna"}
    answer = room.server.http.post(f"{room.path}/messages", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, "user_id")
    assert room.history() == []


def test_other_names_are_anybodys(room: Room) -> None:
    for user_id in ("System", "system ", "systemd"):
        room.join(user_id).say("I am not the system")
        body = {"content": "nor am I", "user_id": user_id}
        assert room.server.http.post(f"{room.path}/messages", json=body).status_code == 201


def test_what_is_done_to_the_name_does_not_silence_the_server(room: Room) -> None:
    for kind in ("bans", "mutes"):
        room.server.http.put(f"{room.path}/{kind}/system")
    room.server.http.put(f"{room.path}/admins", json={"admin_user_ids": ["system"]})
    anna = room.join("anna")
    said = room.server.http.post(f"{room.path}/messages", json={"content": "be kind"})
    assert said.status_code == 201
    assert anna.receive("System")["payload"]["message"] == "be kind"
