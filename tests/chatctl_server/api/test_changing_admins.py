"""Admins are added and taken away one by one, and nobody undoes what another did."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from world import Room


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
