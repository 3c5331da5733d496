"""A user over all rooms: what there is of them, and bans and mutes that hold everywhere."""

from itertools import chain
from typing import Any

import pytest
from application import pages
from world import Room, Server, eventually

PATH = "/management/room-users"


@pytest.fixture
def server(shared_server: Server) -> Server:
    """Each test has users of its own."""
    return shared_server


def shown(server: Server, user_id: str) -> dict[str, Any]:
    answer = server.http.get(f"{PATH}/{user_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refusal(room: Room, user_id: str) -> tuple[str, int]:
    frames, code = room.server.join(room.id, user_id).last_frames()
    return frames[0]["payload"]["code"], code


def changed(server: Server, method: str, path: str) -> object:
    answer = server.http.request(method, f"{PATH}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()["changed"]


def test_who_never_came_is_nowhere(server: Server) -> None:
    server.create_room()
    nothing = {"messages": 0, "sessions": 0, "ban": None, "mute": None, "rooms": []}
    assert shown(server, "nobody") == {"user_id": "nobody", **nothing}


def test_each_room_where_there_is_anything_of_them(server: Server) -> None:
    names = ("came", "left", "wrote", "admin", "banned", "muted", "other")
    rooms = {name: server.create_room(name) for name in names}
    rooms["came"].join("olga")
    rooms["left"].join("olga").close()
    eventually(lambda: rooms["left"].details()["current_users"] == 0)
    body = {"content": "hello", "user_id": "olga"}
    for _ in range(2):
        assert server.http.post(f"{rooms['wrote'].path}/messages", json=body).is_success
    server.http.patch(f"{rooms['admin'].path}/admins", json={"add": ["olga"]})
    server.http.put(f"{rooms['banned'].path}/bans/olga")
    server.http.put(f"{rooms['muted'].path}/mutes/olga")
    rooms["other"].join("bert")
    server.http.delete(rooms["left"].path)
    found = shown(server, "olga")
    assert (found["messages"], found["sessions"]) == (2, 2)
    assert [each["room_name"] for each in found["rooms"]] == list(names[:-1])
    assert [each["room_id"] for each in found["rooms"]] == [rooms[name].id for name in names[:-1]]
    of = {each["room_name"]: each for each in found["rooms"]}
    marks = {
        "messages": {"wrote": 2},
        "sessions": {"came": 1, "left": 1},
        "is_connected": {"came": True},
        "is_admin": {"admin": True},
        "is_banned": {"banned": True},
        "is_muted": {"muted": True},
    }
    for mark, expected in marks.items():
        assert {name: each[mark] for name, each in of.items() if each[mark]} == expected, mark
    assert [name for name, each in of.items() if each["last_join_time"]] == ["came", "left"]
    assert [name for name, each in of.items() if each["status"] == "closed"] == ["left"]


def test_a_ban_from_every_room_throws_out_and_keeps_out_also_later(server: Server) -> None:
    lobby, hall = server.create_room("lobby"), server.create_room("hall")
    visitors = [room.join("mallory") for room in (lobby, hall)]
    other = lobby.join("anna")
    answer = server.http.put(f"{PATH}/mallory/ban", json={"reason": "spam", "expires_in": 3600})
    made = answer.json()
    assert (made["changed"], made["user_id"], made["reason"]) == (True, "mallory", "spam")
    assert made["expires_at"] - made["created_at"] in (3599, 3600)
    assert [each.close_code() for each in visitors] == [4503, 4503]
    later = server.create_room("later")
    for room in (lobby, hall, later):
        assert refusal(room, "mallory") == ("banned", 4503)
    assert shown(server, "mallory")["ban"] == {k: v for k, v in made.items() if k != "changed"}
    assert changed(server, "DELETE", "mallory/ban") is True
    assert changed(server, "DELETE", "mallory/ban") is False
    for room in (lobby, hall, later):
        room.join("mallory")
    assert shown(server, "mallory")["ban"] is None
    other.say("still here")


def test_a_mute_in_every_room_refuses_messages_also_later(server: Server) -> None:
    lobby = server.create_room("lobby")
    trudy = lobby.join("trudy")
    assert changed(server, "PUT", "trudy/mute") is True
    assert changed(server, "PUT", "trudy/mute") is False
    for visitor in (trudy, server.create_room("later").join("trudy")):
        visitor.send("SendMessage", {"content": "hello"})
        visitor.receive("YouAreMuted")
    assert changed(server, "DELETE", "trudy/mute") is True
    trudy.say("hello")


def test_what_has_ended_is_not_shown(room: Room) -> None:
    for path in (f"{PATH}/ned/ban", f"{room.path}/bans/ned", f"{room.path}/mutes/ned"):
        assert room.server.http.put(path, json={"expires_in": 1}).is_success

    def ended() -> bool:
        found = shown(room.server, "ned")
        here = [each for each in found["rooms"] if each["room_id"] == room.id]
        return (found["ban"], here) == (None, [])

    assert not ended()
    eventually(ended)


def contents(room: Room) -> list[str]:
    found = room.server.http.get(f"{room.path}/messages").json()
    return sorted(each["content"] for each in found)


def erase(server: Server, user_id: str, **query: str | int) -> tuple[bool, int]:
    answer = server.http.delete(f"{PATH}/{user_id}/messages", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["changed"], answer.json()["messages"]


def post(room: Room, user_id: str, content: str) -> int:
    body = {"content": content, "user_id": user_id}
    answer = room.server.http.post(f"{room.path}/messages", json=body)
    return int(answer.json()["created_at"])


def test_their_messages_are_erased_in_every_room_and_nobody_elses(server: Server) -> None:
    rooms = [server.create_room(name) for name in ("lobby", "hall", "closed")]
    anna = rooms[0].join("anna")
    for room in rooms:
        posted_at = post(room, "eve", "spam")
        post(room, "dave", "hello")
    server.http.delete(rooms[2].path)
    assert erase(server, "eve", dry_run="true") == (False, 3)
    assert [contents(room) for room in rooms] == [["hello", "spam"]] * 3
    assert erase(server, "eve", since=posted_at + 60) == (False, 0)
    assert erase(server, "eve", since=posted_at, room=rooms[1].id) == (True, 1)
    assert [contents(room) for room in rooms[:2]] == [["hello", "spam"], ["", "hello"]]
    assert erase(server, "eve") == (True, 2)
    assert [contents(room) for room in rooms] == [["", "hello"]] * 3
    assert anna.receive("MessageDeleted")["payload"]["seq"] == 1
    assert erase(server, "eve") == (False, 0)
    assert "spam" not in server.http.get("/management/events?type=message.posted&limit=1000").text


def test_more_than_a_transaction_takes(room: Room) -> None:
    author = room.join("frank")
    for number in range(250):
        author.say(f"spam {number}")
    assert erase(room.server, "frank", dry_run="true") == (False, 250)
    assert erase(room.server, "frank") == (True, 250)
    assert set(contents(room)) == {""}


def listed(server: Server, user_id: str, **query: str | int) -> list[dict[str, Any]]:
    return list(chain(*pages(server.http, f"{PATH}/{user_id}/messages", **query)))


def test_their_messages_of_all_rooms_newest_first(server: Server) -> None:
    rooms = [server.create_room(name) for name in ("lobby", "hall")]
    for number in range(5):
        post(rooms[number % 2], "heidi", f"text {number}")
        post(rooms[0], "ivan", "another's")
    server.http.delete(rooms[1].path)
    found = listed(server, "heidi")
    assert [each["content"] for each in found] == [f"text {number}" for number in range(4, -1, -1)]
    assert [each["room_name"] for each in found] == ["lobby", "hall", "lobby", "hall", "lobby"]
    assert [each["room_id"] for each in found[:2]] == [rooms[0].id, rooms[1].id]
    assert listed(server, "heidi", limit=2) == found
    assert listed(server, "heidi", before=found[2]["message_id"]) == found[3:]
    assert listed(server, "heidi", **{"from": found[0]["created_at"] + 1}) == []
    last = server.http.get(f"{PATH}/heidi/messages", params={"limit": 5})
    assert "link" not in last.headers
    assert erase(server, "heidi", room=rooms[1].id) == (True, 2)
    assert [each["content"] for each in listed(server, "heidi") if each["deleted"]] == ["", ""]


def test_a_page_ends_at_256_kib_of_text(room: Room) -> None:
    for number in range(10):
        post(room, "judy", f"{number}" + "x" * 32_000)
    first = room.server.http.get(f"{PATH}/judy/messages", params={"limit": 10})
    assert 0 < len(first.json()) < 10
    assert [each["content"][0] for each in listed(room.server, "judy")] == list("9876543210")
