"""The sentences that room users are told, in each language; the codes beside them are the same."""

from pathlib import Path

import httpx
import pytest
from world import Client, Room, running

from chatctl_server.domain import close_codes

SENTENCES = {
    "": ("房间已关闭", "你已被踢出该房间，无法再次加入", "发送过于频繁，请60秒后再试"),
    "en": (
        "The room was closed",
        "You were removed from this room and cannot join it again",
        "You send too often; try again in 60 s",
    ),
}


def refusal(client: Client) -> tuple[str, str]:
    payload = client.receive("Error")["payload"]
    return payload["code"], payload["message"]


@pytest.mark.parametrize("language", SENTENCES)
def test_what_users_are_told(tmp_path: Path, language: str) -> None:
    closed, banned, too_fast = SENTENCES[language]
    settings = {"USER_MESSAGE_INTERVAL_SECS": "60", "LANGUAGE": language}
    with running(tmp_path, **settings) as server:
        room = server.create_room()
        anna = room.join("anna")
        anna.say("first")
        anna.send("SendMessage", {"content": "second"})
        assert refusal(anna) == ("throttled", too_fast)
        room.ban("mallory")
        mallory = server.join(room.id, "mallory")
        assert refusal(mallory) == ("banned", banned)
        assert mallory.close_code() == close_codes.BANNED
        posted = post(room, "mallory")
        assert (posted.status_code, posted.json()["code"]) == (403, "banned")
        assert "banned" in posted.json()["detail"]  # the host product reads English
        stream = server.http.get(f"/events/rooms/{room.id}", params={"user_id": "mallory"})
        assert banned in stream.text
        server.http.delete(room.path)
        frames, code = anna.last_frames()
        assert code == close_codes.ROOM_CLOSED
        assert frames[-1] == {"type": "System", "payload": {"message": closed}}


def post(room: Room, user_id: str) -> httpx.Response:
    body = {"content": "hello", "user_id": user_id}
    return room.server.http.post(f"{room.path}/messages", json=body)
