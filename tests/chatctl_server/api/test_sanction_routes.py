"""Bans, mutes and kicks over HTTP, as the host and the users see them; the sentences that users are
told in the other language."""

import time
from pathlib import Path
from urllib.parse import quote

import pytest
from world import Client, Room, running

from chatctl_server.domain import close_codes

SANCTIONS = ["bans", "mutes"]
LONG = "x" * 256
SET_BY = {"bans": "banned_by", "mutes": "muted_by"}


@pytest.mark.parametrize("kind", SANCTIONS)
def test_set_list_and_lift(room: Room, kind: str) -> None:
    http, path = room.server.http, f"{room.path}/{kind}"
    before = int(time.time())
    answer = http.put(f"{path}/anna", json={"reason": "spam", "expires_in": 3600})
    assert answer.status_code == 200
    stored = answer.json()
    assert stored.pop("changed") is True
    assert before <= stored["created_at"] <= time.time()
    assert 3599 <= stored["expires_at"] - stored["created_at"] <= 3600
    assert stored == {
        "user_id": "anna",
        "reason": "spam",
        SET_BY[kind]: None,
        "created_at": stored["created_at"],
        "expires_at": stored["expires_at"],
    }
    assert [http.put(f"{path}/adam").json()["changed"] for _ in range(2)] == [True, False]
    assert [each["user_id"] for each in http.get(path).json()] == ["adam", "anna"]
    assert http.get(path).json()[1] == stored
    lifted = http.delete(f"{path}/anna")
    assert (lifted.status_code, lifted.json()) == (200, {"changed": True})
    never = http.delete(f"{path}/anna")
    assert (never.status_code, never.json()) == (200, {"changed": False})


def test_user_ids_are_opaque(room: Room) -> None:
    path = f"{room.path}/bans"
    for user_id in ("a/b", "/", "%41", "a b", "用户", "a?b#c", "x" * 255):
        quoted = f"{path}/{quote(user_id, safe='')}"
        assert room.server.http.put(quoted).status_code == 200
        assert [each["user_id"] for each in room.server.http.get(path).json()] == [user_id]
        assert room.server.http.delete(quoted).json() == {"changed": True}


def test_a_user_id_that_cannot_be_stored_is_refused(room: Room) -> None:
    for user_id, code in (("a%00b", "bad_text"), ("%ff", "bad_text"), (LONG, "invalid_input")):
        for path in (f"{room.path}/bans/{user_id}", f"/management/room-users/{user_id}/ban"):
            answer = room.server.http.put(path)
            assert (answer.status_code, answer.json()["code"]) == (400, code)
            assert answer.json()["field"] == "user_id"
    assert room.server.http.get(f"{room.path}/bans").json() == []


def test_a_ban_disconnects_and_keeps_out_until_it_is_lifted(room: Room) -> None:
    anna, bert = room.join("anna"), room.join("bert")
    assert room.ban("anna").json()["changed"] is True
    frames, code = anna.last_frames()
    assert (frames[-1], code) == ({"type": "YouAreKicked"}, 4503)
    assert bert.receive("UserLeft")["payload"] == {"user_id": "anna", "nickname": "anna"}
    assert room.details()["current_users"] == 1
    frames, code = room.server.join(room.id, "anna").last_frames()
    assert frames == [
        {
            "type": "Error",
            "payload": {"message": "你已被踢出该房间，无法再次加入", "code": "banned"},
        }
    ]
    assert code == 4503
    assert room.details()["total_joins"] == 2
    room.server.http.delete(f"{room.path}/bans/anna")
    room.join("anna")


def test_a_soft_kick_lets_the_user_return(room: Room) -> None:
    anna = room.join("anna")
    answer = room.server.http.post(f"{room.path}/kick/anna")
    assert (answer.status_code, answer.json()) == (200, {"changed": True, "kicked": True})
    frames, code = anna.last_frames()
    assert (frames[-1], code) == ({"type": "YouAreKicked"}, 4506)
    gone = room.server.http.post(f"{room.path}/kick/anna")
    assert (gone.status_code, gone.json()) == (200, {"changed": False, "kicked": False})
    room.join("anna")


BANNED = "You were removed from this room and cannot join it again"


def refusal(client: Client) -> tuple[str, str]:
    payload = client.receive("Error")["payload"]
    return payload["code"], payload["message"]


def test_what_users_are_told_in_english(tmp_path: Path) -> None:
    settings = {"USER_MESSAGE_INTERVAL_SECS": "60", "LANGUAGE": "en"}
    with running(tmp_path, **settings) as server:
        room = server.create_room()
        anna = room.join("anna")
        anna.say("first")
        anna.send("SendMessage", {"content": "second"})
        assert refusal(anna) == ("throttled", "You send too often; try again in 60 s")
        room.ban("mallory")
        mallory = server.join(room.id, "mallory")
        assert refusal(mallory) == ("banned", BANNED)
        assert mallory.close_code() == close_codes.BANNED
        body = {"content": "hello", "user_id": "mallory"}
        posted = server.http.post(f"{room.path}/messages", json=body)
        assert (posted.status_code, posted.json()["code"]) == (403, "banned")
        assert "banned" in posted.json()["detail"]  # the host product reads English
        stream = server.http.get(f"/events/rooms/{room.id}", params={"user_id": "mallory"})
        assert BANNED in stream.text
        server.http.delete(room.path)
        frames, code = anna.last_frames()
        assert code == close_codes.ROOM_CLOSED
        assert frames[-1] == {"type": "System", "payload": {"message": "The room was closed"}}
