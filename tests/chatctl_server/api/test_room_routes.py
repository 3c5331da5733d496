"""Rooms over HTTP: made, listed, shown, renamed, given admins, closed (contract, section 1)."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from application import pages
from world import Room, Server, eventually


def test_create(shared_server: Server) -> None:
    body = {"room_name": "lobby", "admin_user_ids": ["zoe", "adam", "zoe"]}
    before = int(time.time())
    answer = shared_server.http.post("/management/rooms", json=body)
    assert answer.status_code == 200
    room_id = answer.json()["room_id"]
    assert str(uuid.UUID(room_id)) == room_id
    others = answer.json()["same_name"]
    assert answer.json() == {
        "room_id": room_id,
        "websocket_url": f"/ws/rooms/{room_id}",
        "same_name": others,
    }
    shown = shared_server.http.get(f"/management/rooms/{room_id}")
    assert shown.status_code == 200
    details = shown.json()
    assert before <= details.pop("start_time") <= time.time()
    assert details.pop("created_at") == details.pop("last_activity") >= before
    assert details == {
        "room_id": room_id,
        "room_name": "lobby",
        "admin_user_ids": ["adam", "zoe"],
        "current_users": 0,
        "peak_users": 0,
        "total_joins": 0,
        "current_connections": 0,
    }


def test_the_list_holds_open_rooms_in_order_of_creation(shared_server: Server) -> None:
    first, second, third = (shared_server.create_room(name) for name in ("one", "two", "three"))
    shared_server.http.delete(second.path)

    def listed(**query: str) -> list[str]:
        answer = shared_server.http.get("/management/rooms", params=query)
        assert answer.status_code == 200
        ours = {first.id, second.id, third.id}
        return [each["room_id"] for each in answer.json() if each["room_id"] in ours]

    assert listed() == [first.id, third.id]
    assert listed(status="open") == [first.id, third.id]
    assert listed(status="closed") == [second.id]
    assert listed(status="all") == [first.id, second.id, third.id]


def test_the_list_by_name_and_in_pages(shared_server: Server) -> None:
    made = [shared_server.create_room(f"paged & {number}").id for number in range(5)]
    shared_server.create_room("unpaged")
    query = {"status": "all", "limit": 2, "match": "paged & *"}
    found = pages(shared_server.http, "/management/rooms", **query)
    ids = [[each["room_id"] for each in page] for page in found]
    assert ids == [made[:2], made[2:4], made[4:]]
    full_page = shared_server.http.get("/management/rooms", params={**query, "limit": 5})
    assert (len(full_page.json()), "link" in full_page.headers) == (5, False)


def test_the_rooms_that_a_word_may_mean(shared_server: Server) -> None:
    closed, opened, other = (shared_server.create_room("meant") for _ in range(3))
    shared_server.http.delete(closed.path)

    def meant(room: str, **query: object) -> list[str]:
        answer = shared_server.http.get("/management/rooms", params={"room": room, **query})
        assert answer.status_code == 200
        return [each["room_id"] for each in answer.json()]

    assert meant("meant") == meant("meant", status="all") == [opened.id, other.id]
    assert meant("meant", status="all", limit=1) == [opened.id]
    assert meant("meant", status="closed") == [closed.id]
    assert meant(closed.id, status="all") == meant(closed.id[:9], status="all") == [closed.id]
    assert meant(closed.id) == meant("no such name") == meant("") == []


def test_rename(room: Room) -> None:
    for changed in (True, False):
        answer = room.server.http.patch(room.path, json={"room_name": "hall"})
        assert answer.status_code == 200
        assert answer.json() == {**room.details(), "same_name": 0, "changed": changed}
    assert room.details()["room_name"] == "hall"
    renamed = room.server.http.get(
        "/management/events", params={"room": room.id, "type": "room.renamed"}
    ).json()
    assert [each["data"]["name"] for each in renamed] == ["hall"]


def test_admins_are_replaced_as_a_set(room: Room) -> None:
    def reset(*admins: str) -> Any:
        answer = room.server.http.put(f"{room.path}/admins", json={"admin_user_ids": admins})
        assert answer.status_code == 200
        return answer.json()

    assert reset("zoe", "adam", "zoe") == {"changed": True}
    assert room.details()["admin_user_ids"] == ["adam", "zoe"]
    assert reset("adam", "zoe") == {"changed": False}
    assert reset() == {"changed": True}
    assert room.details()["admin_user_ids"] == []


def test_members(room: Room) -> None:
    members = f"{room.path}/members"
    assert room.server.http.get(members).json() == []
    before = int(time.time())
    room.join("zoe", nickname="Zoë")
    room.join("boss")
    room.server.http.put(f"{room.path}/mutes/zoe")
    found = room.server.http.get(members).json()
    assert all(before <= each.pop("join_time") <= time.time() for each in found)
    assert found == [
        {"user_id": "boss", "nickname": "boss", "is_admin": True, "is_muted": False},
        {"user_id": "zoe", "nickname": "Zoë", "is_admin": False, "is_muted": True},
    ]


def test_close(room: Room) -> None:
    clients = [room.join(name) for name in ("anna", "bert")]
    answer = room.server.http.delete(room.path)
    assert (answer.status_code, answer.content) == (204, b"")
    for client in clients:
        frames, code = client.last_frames()
        assert frames[-1] == {"type": "System", "payload": {"message": "房间已关闭"}}
        assert (code, "UserLeft" in {frame["type"] for frame in frames}) == (4508, False)
    assert room.history() == []  # that sentence is not stored
    details = eventually(lambda: (found := room.details())["current_users"] == 0 and found)
    assert abs(details["closed_at"] - time.time()) < 60
    assert (details["peak_users"], details["total_joins"]) == (2, 2)
    again = room.server.http.delete(room.path)
    assert (again.status_code, again.json()["code"]) == (404, "room_closed")


def test_a_uuid_in_another_spelling_is_the_same_room(room: Room) -> None:
    for spelling in (room.id.upper(), room.id.replace("-", "")):
        shown = room.server.http.get(f"/management/rooms/{spelling}")
        assert shown.json()["room_id"] == room.id


def test_what_only_resembles_a_uuid_is_none(room: Room) -> None:
    digits = room.id.replace("-", "")
    for spelling in (
        *("+{:.31}", "%20{:.31}", "{:.15}_{:.16}", "urn:uuid:{}", "%7B{}%7D", "{}%2F"),
        "%D9%A0" * 32,
    ):
        answer = room.server.http.get(f"/management/rooms/{spelling.format(digits, digits)}")
        assert (answer.status_code, answer.json()["field"]) == (400, "room_id"), spelling


def change(room: Room, **body: Any) -> httpx.Response:
    return room.server.http.patch(f"{room.path}/admins", json=body)


def changed(room: Room, **body: Any) -> tuple[bool, list[str]]:
    answer = change(room, **body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert sorted(found) == ["admin_user_ids", "changed"]
    assert found["admin_user_ids"] == room.details()["admin_user_ids"]
    return found["changed"], found["admin_user_ids"]


def events(room: Room) -> list[list[str]]:
    query = {"room": room.id, "type": "room.admins_set"}
    found = room.server.http.get("/management/events", params=query).json()
    return [each["data"]["admins"] for each in found]


def test_add_and_remove(room: Room) -> None:
    assert changed(room, add=["zoe", "adam", "zoe"]) == (True, ["adam", "boss", "zoe"])
    assert changed(room, add=["zoe"]) == (False, ["adam", "boss", "zoe"])
    assert changed(room, add=["carl"], remove=["boss", "nobody"]) == (True, ["adam", "carl", "zoe"])
    assert changed(room, remove=["boss"]) == (False, ["adam", "carl", "zoe"])
    assert changed(room) == (False, ["adam", "carl", "zoe"])
    assert changed(room, remove=["adam", "carl", "zoe"]) == (True, [])
    assert events(room) == [["adam", "boss", "zoe"], ["adam", "carl", "zoe"], []]


def test_of_many_at_the_same_time_none_is_lost(room: Room) -> None:
    users = [f"user-{number:02}" for number in range(24)]
    changed(room, add=[f"old-{user}" for user in users])
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda user: change(room, add=[user], remove=[f"old-{user}"]), users)
        assert [answer.json()["changed"] for answer in answers] == [True] * len(users)
    assert room.details()["admin_user_ids"] == ["boss", *users]
