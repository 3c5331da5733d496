"""``system`` speaks for the server: nobody joins or posts under that name."""

import wire
from world import Room


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
