"""Bans, mutes and kicks over HTTP, as the host and the users see them."""

import time
from typing import Any
from urllib.parse import quote

import pytest
from world import Room, eventually

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
    http.put(f"{path}/adam")
    assert [each["user_id"] for each in http.get(path).json()] == ["adam", "anna"]
    assert http.get(path).json()[1] == stored
    lifted = http.delete(f"{path}/anna")
    assert (lifted.status_code, lifted.json()) == (200, {"changed": True})
    never = http.delete(f"{path}/anna")
    assert (never.status_code, never.json()) == (200, {"changed": False})


@pytest.mark.parametrize("kind", SANCTIONS)
def test_a_repeat_changes_nothing_and_a_new_reason_does(room: Room, kind: str) -> None:
    path = f"{room.path}/{kind}/anna"
    bodies: list[dict[str, Any] | None] = [None, {}, {"reason": "spam"}, {"reason": "spam"}]
    answers = [room.server.http.put(path, json=body).json() for body in bodies]
    assert [each["changed"] for each in answers] == [True, False, True, False]
    assert [each["reason"] for each in answers] == [None, None, "spam", "spam"]


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


def test_a_ban_ends_by_itself(room: Room) -> None:
    room.ban("anna", expires_in=1)
    assert room.server.join(room.id, "anna").close_code() == 4503
    eventually(lambda: room.server.http.get(f"{room.path}/bans").json() == [])
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
