"""Who is connected, over all rooms."""

from pathlib import Path
from typing import Any

import wire
from event_streams import follow
from world import Server, eventually, running


def listed(server: Server) -> list[dict[str, Any]]:
    answer = server.http.get("/management/connections")
    assert answer.status_code == 200
    return [dict(each) for each in answer.json()]


def test_in_the_order_of_their_joins(server: Server) -> None:
    lobby, hall = server.create_room("lobby"), server.create_room("hall")
    assert listed(server) == []
    hall.join("bert")
    lobby.join("anna", nickname="Anna")
    found = listed(server)
    assert [(each["room_name"], each["user_id"], each["nickname"]) for each in found] == [
        ("hall", "bert", "bert"),
        ("lobby", "anna", "Anna"),
    ]
    assert [each["room_id"] for each in found] == [hall.id, lobby.id]
    assert {each["address"] for each in found} == {"127.0.0.1"}
    (member,) = server.http.get(f"{hall.path}/members").json()
    assert found[0]["join_time"] == member["join_time"]
    done = server.chatctl("connections", "ls")
    cells = done.stdout.splitlines()[1].split("\t")
    assert (cells[:4], cells[5]) == (["lobby", "anna", "Anna", "127.0.0.1"], lobby.id)
    assert done.returncode == 0


def test_streams_too_and_who_has_gone_no_more(server: Server) -> None:
    room = server.create_room()
    anna = room.join("anna")
    with follow(room, "bert"):
        assert [each["user_id"] for each in listed(server)] == ["anna", "bert"]
        anna.close()
        eventually(lambda: [each["user_id"] for each in listed(server)] == ["bert"])
    eventually(lambda: listed(server) == [])


def test_the_address_is_the_one_that_a_trusted_proxy_tells(tmp_path: Path) -> None:
    with running(tmp_path, TRUSTED_PROXIES="127.0.0.1/32") as server:
        room = server.create_room()
        with wire.dial(server) as line:
            path = f"/ws/rooms/{room.id}?user_id=anna"
            line.sendall(wire.upgrade(path, "X-Forwarded-For: 203.0.113.7"))
            assert wire.read_answer(line).status == 101
            eventually(lambda: [each["address"] for each in listed(server)] == ["203.0.113.7"])
