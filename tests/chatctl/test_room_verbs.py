"""Renaming a room, who is in it, and who its admins are."""

import json
import uuid

import pytest
from prepared_server import Answer, Chatctl, Prepared, lines, rows
from served import Served
from terminal import on_terminal
from world import Room, Server, eventually

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
USAGE, NOT_FOUND, CONFLICT = 2, 3, 5
VERBS = (("rename", "x"), ("members",), ("admins",), ("admins", "--add", "anna"))


def words(verb: tuple[str, ...], room: str) -> tuple[str, ...]:
    return ("rooms", verb[0], room, *verb[1:])


def test_a_room_gets_another_name(served: Served, room: Room) -> None:
    result = {"room_id": room.id, "room_name": "Great Hall"}
    args = ("rooms", "rename", room.id, "Great Hall")
    assert served.json(*args) == {"changed": True, **result}
    assert served.json(*args) == {"changed": False, **result}
    assert room.details()["room_name"] == "Great Hall"
    assert served("rooms", "rename", "-R", room.id, "lobby") == (rows((room.id, "changed")), "", 0)
    assert served("rooms", "rename", "-R", room.id, "lobby").stdout == rows((room.id, "unchanged"))


@pytest.mark.parametrize(
    "rest", [(), ("Great", "Hall"), ("",), ("n" * 256,)], ids=["none", "two", "empty", "long"]
)
def test_a_room_is_renamed_to_one_name(served: Served, room: Room, rest: tuple[str, ...]) -> None:
    assert served.refused("rooms", "rename", room.id, *rest)[1] == USAGE
    assert room.details()["room_name"] == "lobby"


def test_who_is_connected(served: Served, room: Room) -> None:
    assert served.json("rooms", "members", room.id) == []
    assert served("rooms", "members", room.id) == ("", "", 0)
    zoe, boss = room.join("zoe", nickname="Zo\té"), room.join("boss")
    assert served("mute", room.id, "zoe").exit == 0
    found = served.json("rooms", "members", "-R", room.id)
    assert all(each.pop("join_time").endswith("Z") for each in found)
    assert found == [
        {"user_id": "boss", "nickname": "boss", "is_admin": True, "is_muted": False},
        {"user_id": "zoe", "nickname": "Zo\té", "is_admin": False, "is_muted": True},
    ]
    shown = [line.split("\t")[:4] for line in served("rooms", "members", room.id)[0].splitlines()]
    assert shown == [["boss", "boss", "yes", "no"], ["zoe", r"Zo\té", "no", "yes"]]
    listed = served("rooms", "members", room.id).stdout
    assert served("kick", room.id, "--from", "-", stdin=listed).exit == 0
    assert (zoe.close_code(), boss.close_code()) == (4506, 4506)
    eventually(lambda: served.json("rooms", "members", room.id) == [])


def test_admins_are_listed(served: Served, room: Room) -> None:
    assert served.json("rooms", "admins", room.id) == [{"user_id": "boss", "room_id": room.id}]
    assert served("rooms", "admins", "-R", room.id) == (f"boss\t{room.id}\n", "", 0)
    served("rooms", "admins", room.id, "--remove", "boss")
    assert served.json("rooms", "admins", room.id) == []
    assert served("rooms", "admins", room.id) == ("", "", 0)


@pytest.mark.parametrize(
    ("options", "admins"),
    [
        (("--add", "anna", "--add", "a,b"), ["a,b", "anna", "boss"]),
        (("--remove", "boss"), []),
        (("--add", "anna", "--remove", "boss", "--remove", "nobody"), ["anna"]),
        (("--set", "zoe,anna,zoe"), ["anna", "zoe"]),
        (("--add", "boss"), None),
        (("--remove", "nobody"), None),
        (("--set", "boss"), None),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_admins_are_changed(
    served: Served, room: Room, options: tuple[str, ...], admins: list[str] | None
) -> None:
    assert served.json("rooms", "admins", room.id, *options) == {
        "changed": admins is not None,
        "room_id": room.id,
        "room_name": "lobby",
        "admin_user_ids": ["boss"] if admins is None else admins,
    }
    assert room.details()["admin_user_ids"] == (["boss"] if admins is None else admins)
    assert served("rooms", "admins", room.id, *options) == (rows((room.id, "unchanged")), "", 0)


@pytest.mark.parametrize(
    "options",
    [
        ("--set", ""),
        ("--set", "anna,"),
        ("--set", "anna", "--add", "bert"),
        ("--set", "anna", "--remove", "bert"),
        ("--add", ""),
        ("--add", "anna", "--remove", "anna"),
        ("--add", "u" * 256),
        ("--add",),
        ("anna",),
    ],
    ids=" ".join,
)
def test_what_is_never_meant_changes_no_admin(
    served: Served, room: Room, options: tuple[str, ...]
) -> None:
    assert served.refused("rooms", "admins", room.id, *options)[1] == USAGE
    assert room.details()["admin_user_ids"] == ["boss"]


def test_a_room_is_meant_by_the_beginning_of_its_id(served: Served, room: Room) -> None:
    assert served.json("rooms", "show", room.id[:8])["room_id"] == room.id
    assert served.refused("rooms", "show", room.id[:7]) == ("room_not_found", NOT_FOUND)
    decoy = room.server.create_room(room.id[:8])
    done = served("rooms", "close", room.id[:8], "--yes")
    assert (done.stdout, done.exit) == ("", CONFLICT)
    assert room.id in done.stderr
    assert decoy.id in done.stderr
    assert served.json("rooms", "show", room.id[:10])["room_id"] == room.id


def test_an_open_room_is_meant_before_a_closed_one(served: Served, shared_server: Server) -> None:
    old = shared_server.create_room("a [1]*?")
    assert served("rooms", "close", "a [1]*?", "--yes").exit == 0
    assert served.json("rooms", "show", "a [1]*?")["room_id"] == old.id
    new = shared_server.create_room("a [1]*?")
    assert served.json("rooms", "show", "a [1]*?")["room_id"] == new.id


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_of_unknown_and_ambiguous_rooms(
    served: Served, shared_server: Server, verb: tuple[str, ...]
) -> None:
    assert served.refused(*words(verb, str(uuid.uuid4()))) == ("room_not_found", NOT_FOUND)
    assert served.refused(*words(verb, "nowhere")) == ("room_not_found", NOT_FOUND)
    assert served.refused("rooms", verb[0]) == ("usage", USAGE)
    for _ in range(2):
        shared_server.create_room(f"twice {verb}")
    assert served.refused(*words(verb, f"twice {verb}")) == ("ambiguous", CONFLICT)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_of_a_closed_room_only_the_admins_are_told(
    served: Served, room: Room, verb: tuple[str, ...]
) -> None:
    room.server.http.delete(room.path)
    if verb == ("admins",):
        assert served.json(*words(verb, room.id)) == [{"user_id": "boss", "room_id": room.id}]
    else:
        assert served.refused(*words(verb, room.id)) == ("room_closed", NOT_FOUND)


@pytest.mark.parametrize(
    ("args", "answer", "said"),
    [
        (("rename", "Hall"), {"changed": True}, "lo\\x1bbby is now called Hall"),
        (
            ("admins", "--remove", "bert"),
            {"changed": False, "admin_user_ids": ["an\x1b", "bo"]},
            "the admins of lo\\x1bbby are an\\x1b, bo, as before",
        ),
    ],
)
def test_a_terminal_is_told_a_sentence(
    chatctl: Chatctl, server: Prepared, args: tuple[str, ...], answer: dict[str, object], said: str
) -> None:
    path = f"/management/rooms/{ROOM_ID}"
    found = {"room_id": ROOM_ID, "room_name": "lo\x1bbby", "admin_user_ids": []}
    server.answers[f"GET {path}"] = Answer(found)
    server.answers[f"PATCH {path}"] = Answer({**found, "room_name": "Hall", **answer})
    server.answers[f"PATCH {path}/admins"] = Answer(answer)
    asked = ("rooms", args[0], ROOM_ID, *args[1:])
    assert on_terminal(chatctl, *asked, CHATCTL_SERVER=server.url) == (lines(said), 0)


def test_a_name_that_an_open_room_has_is_told(served: Served) -> None:
    """And given all the same; a closed room, and one that the name would match, do not count."""
    name = "twin [a]*"
    served("rooms", "create", "twin a and more")
    closed = served("rooms", "create", name).stdout.split("\t")[0]
    served("rooms", "close", closed, "--yes")
    first = served("rooms", "create", name)
    assert (first.stderr, first.exit) == ("", 0)
    second = served("rooms", "create", name)
    assert second.stderr == (
        f"chatctl: another open room is called {name}, too: "
        "commands need the id of the one they mean\n"
    )
    assert (second.stdout.count("\t"), second.exit) == (1, 0)
    assert served("rooms", "create", name, "--quiet").stderr == ""
    other = served("rooms", "create", "another").stdout.split("\t")[0]
    assert served("rooms", "rename", other, name).stderr == second.stderr


def test_the_room_of_a_name_is_made_once(served: Served) -> None:
    args = ("rooms", "create", "the one", "--if-missing", "--admin", "anna")
    made, again = (json.loads(served(*args, "--json", "--quiet").stdout) for _ in range(2))
    assert (made["changed"], again["changed"]) == (True, False)
    assert made["room_id"] == again["room_id"]
    assert made["same_name"] == again["same_name"] == 0
    assert served("rooms", "create", "the one").stderr.startswith("chatctl: another open room is")
    assert served(*args, "--quiet").stdout.split("\t")[0] == made["room_id"]


@pytest.mark.parametrize("name", ["lobby ", "lob\tby", "--admin", ROOM_ID])
def test_a_name_that_cannot_be_typed_is_refused(served: Served, name: str) -> None:
    room = served("rooms", "create", "typed", "--quiet").stdout.split("\t")[0]
    for words in (("create", "--", name), ("rename", room, "--", name)):
        done = served("rooms", *words)
        assert (done.stdout, done.exit) == ("", 2)
        assert done.stderr.startswith("chatctl: room_name ")
