"""A closed room is read, its messages can be erased, and nothing else: every route that takes a
room has its case here."""

import re
import uuid
from typing import Any, NamedTuple

import pytest
import wire
from world import Room, Server

ROOM, SYNC = "/management/rooms/{room_id}", "/management/sync"


class Case(NamedTuple):
    method: str
    path: str
    body: dict[str, Any] | None = None
    query: dict[str, str] | None = None
    reads: bool = False  # what stays readable of a closed room
    records: str | None = None  # the event of what is done to a closed room all the same
    searches: bool = False  # that there is no such room is an answer


CASES = (
    Case(  # of whom no message is left
        "DELETE",
        "/management/room-users/{user_id}/messages",
        query={"room": "{room_id}"},
        reads=True,
    ),
    Case(
        "GET",
        "/management/rooms",
        query={"room": "{room_id}", "status": "all"},
        reads=True,
        searches=True,
    ),
    Case("GET", ROOM, reads=True),
    Case("PATCH", ROOM, {"room_name": "another"}),
    Case("PUT", ROOM + "/admins", {"admin_user_ids": ["dora"]}),
    Case("PATCH", ROOM + "/admins", {"add": ["carl"]}),
    Case("GET", ROOM + "/members"),
    Case("GET", ROOM + "/messages", reads=True),
    Case("POST", ROOM + "/messages", {"content": "too late"}),
    Case("POST", ROOM + "/system-message", {"content": "too late"}),
    Case("DELETE", ROOM + "/messages/{message_id}", records="message.erased"),
    Case("POST", ROOM + "/kick/{user_id}"),
    Case("GET", ROOM + "/bans"),
    Case("PUT", ROOM + "/bans/{user_id}", {}),
    Case("DELETE", ROOM + "/bans/{user_id}"),
    Case("GET", ROOM + "/mutes"),
    Case("PUT", ROOM + "/mutes/{user_id}", {}),
    Case("DELETE", ROOM + "/mutes/{user_id}"),
    Case("POST", SYNC, {"room_id": "{room_id}"}),
    Case("GET", SYNC + "/chat-history/{room_id}", reads=True),
    Case("GET", SYNC + "/session-history/{room_id}", reads=True),
    Case("GET", "/management/events", query={"room": "{room_id}"}, reads=True),
    Case("GET", "/management/events/stream", query={"room": "{room_id}"}, reads=True),
    Case("GET", "/management/callbacks/deliveries", query={"room": "{room_id}"}, reads=True),
    Case("GET", "/events/rooms/{room_id}", query={"user_id": "carl"}),
    Case("GET", SYNC + "/status", query={"room": "{room_id}"}, reads=True),
    Case("DELETE", ROOM),  # last: what comes before it meets an open room
)
NAMES = [f"{case.method} {case.path}" for case in CASES]


def call(room: Room, case: Case, room_id: str) -> tuple[int, str | None]:
    """Status and error code; a stream is not waited for."""
    given = {"room_id": room_id, "message_id": message_of(room), "user_id": "anna"}
    with room.server.http.stream(
        case.method,
        case.path.format_map(given),
        json=filled(case.body, given),
        params=filled(case.query, given),
    ) as answer:
        if answer.status_code < 400:
            return answer.status_code, None
        answer.read()
        return answer.status_code, answer.json()["code"]


def filled(texts: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any] | None:
    if texts is None:
        return None
    return {
        name: each.format_map(given) if isinstance(each, str) else each
        for name, each in texts.items()
    }


def message_of(room: Room) -> int:
    query = {"room": room.id, "type": "message.posted"}
    event = room.server.http.get("/management/events", params=query).json()[0]
    return int(event["data"]["message_id"])


def log(room: Room) -> list[dict[str, Any]]:
    return list(room.server.http.get("/management/events", params={"room": room.id}).json())


@pytest.fixture
def lived_in(room: Room) -> Room:
    """With one message, and with ``anna`` banned and muted."""
    room.server.http.post(f"{room.path}/messages", json={"content": "hello"})
    room.ban("anna")
    room.server.http.put(f"{room.path}/mutes/anna")
    return room


def test_every_route_that_takes_a_room_has_a_case(shared_server: Server) -> None:
    """By the API's own description: whoever adds one says here what it does to a closed room."""
    description = shared_server.http.get("/schema/openapi.json").json()
    schemas = description["components"]["schemas"]
    found = [
        f"{method.upper()} {path}"
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if takes_room(operation, schemas) and path != "/api/room-tokens"  # opens no closed one
    ]
    assert sorted(found) == sorted(NAMES)


def takes_room(operation: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """As a part of the path, in the query, or in the body."""
    names = {each["name"] for each in operation.get("parameters", ())}
    for body in re.findall(r"schemas/(\w+)", str(operation.get("requestBody"))):
        names |= schemas[body]["properties"].keys()
    return bool(names & {"room", "room_id"})


def outcomes(room: Room, room_id: str) -> dict[str, tuple[int, str | None]]:
    return {f"{case.method} {case.path}": call(room, case, room_id) for case in CASES}


def test_in_an_open_room_each_does_something(lived_in: Room) -> None:
    found = outcomes(lived_in, lived_in.id)
    assert {name: status for name, (status, _) in found.items() if status >= 300} == {}


def test_in_a_closed_room_all_are_404_but_reading_and_erasing(lived_in: Room) -> None:
    lived_in.server.http.delete(lived_in.path)
    closed_at = log(lived_in)[-1]["offset"]
    assert outcomes(lived_in, lived_in.id) == {
        name: (200, None) if case.reads or case.records else (404, "room_closed")
        for name, case in zip(NAMES, CASES, strict=True)
    }
    recorded = [each["type"] for each in log(lived_in) if each["offset"] > closed_at]
    assert recorded == [case.records for case in CASES if case.records]


def test_in_no_room_at_all_every_one_is_404_but_a_search(lived_in: Room) -> None:
    found = outcomes(lived_in, str(uuid.uuid4()))
    assert found == {
        name: (200, None) if case.searches else (404, "room_not_found")
        for name, case in zip(NAMES, CASES, strict=True)
    }


def test_nobody_joins_and_who_is_there_goes(lived_in: Room) -> None:
    carl = lived_in.join("carl")
    lived_in.server.http.delete(lived_in.path)
    frames, code = carl.last_frames()
    assert (frames[-1]["type"], code) == ("System", 4508)
    path = f"/ws/rooms/{lived_in.id}?user_id=dora"
    answer = wire.ask(lived_in.server, wire.upgrade(path))
    assert (answer.status, answer.json()["code"]) == (404, "room_closed")


def test_what_is_sent_while_it_closes_is_not_stored(room: Room) -> None:
    """Commands that were read before the close took effect meet a closed room."""
    boss = room.join("boss")
    for number in range(50):
        boss.send("SendMessage", {"content": f"{number}", "client_msg_id": f"{number}"})
        boss.send("MuteUser", {"user_id": f"{number}"})
    room.server.http.delete(room.path)
    boss.last_frames()
    types = [each["type"] for each in log(room)]
    assert types[-2:] == ["session.left", "room.closed"]
