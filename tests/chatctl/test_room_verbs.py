"""Rooms: made, shown, renamed and closed, who is in them, and who their admins are."""

import json
import uuid

import pytest
from prepared_server import lines, rows
from same_process import Here
from world import KEY, Room, Server, eventually

USAGE, NOT_FOUND, CONFLICT = 2, 3, 5


def test_a_room_is_shown_by_name_or_id(served: Here, shared_server: Server) -> None:
    room = shared_server.create_room("shown", admins=("bob", "alice"))
    shown = served("rooms", "show", "shown")
    for named in ((room.id,), ("-R", "shown"), ("--room", room.id)):
        assert served("rooms", "show", *named) == shown
    document = served.json("rooms", "show", "shown")
    assert shown.stdout == rows(
        ("id", room.id), ("name", "shown"), ("admins", "alice,bob"), ("users", "0"),
        ("peak", "0"), ("joins", "0"), ("created", document["created_at"]),
        ("last activity", document["last_activity"]),
    )  # fmt: skip


def test_a_room_gets_another_name(served: Here, room: Room) -> None:
    result = {"room_id": room.id, "room_name": "Great Hall"}
    args = ("rooms", "rename", room.id, "Great Hall")
    assert served.json(*args) == {"changed": True, **result}
    assert served.json(*args) == {"changed": False, **result}
    assert room.details()["room_name"] == "Great Hall"
    assert served("rooms", "rename", "-R", room.id, "lobby") == (rows((room.id, "changed")), "", 0)
    assert served("rooms", "rename", "-R", room.id, "lobby").stdout == rows((room.id, "unchanged"))
    for rest in ((), ("Great", "Hall"), ("",), ("Great Hall ",)):
        assert served.refused("rooms", "rename", room.id, *rest)[1] == USAGE
    assert served.refused("rooms", "create", "Great Hall ") == ("invalid_input", USAGE)
    assert room.details()["room_name"] == "lobby"


def test_who_is_connected(served: Here, room: Room) -> None:
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
    listed = served("rooms", "members", room.id).stdout
    shown = [line.split("\t")[:4] for line in listed.splitlines()]
    assert shown == [["boss", "boss", "yes", "no"], ["zoe", r"Zo\té", "no", "yes"]]
    assert served("kick", room.id, "--from", "-", stdin=listed).exit == 0
    assert (zoe.close_code(), boss.close_code()) == (4506, 4506)
    eventually(lambda: served.json("rooms", "members", room.id) == [])


def test_admins_are_listed_and_changed(served: Here, room: Room) -> None:
    assert served.json("rooms", "admins", room.id) == [{"user_id": "boss", "room_id": room.id}]
    assert served("rooms", "admins", "-R", room.id) == (f"boss\t{room.id}\n", "", 0)
    changes = (
        (("--add", "anna", "--add", "a,b"), ["a,b", "anna", "boss"]),
        (("--set", "zoe,anna,zoe"), ["anna", "zoe"]),
        (("--add", "bert", "--remove", "zoe", "--remove", "nobody"), ["anna", "bert"]),
        (("--remove", "bert", "--remove", "anna"), []),
    )
    for options, admins in changes:
        for changed in (True, False):
            assert served.json("rooms", "admins", room.id, *options) == {
                "changed": changed,
                "room_id": room.id,
                "room_name": "lobby",
                "admin_user_ids": admins,
            }
        assert room.details()["admin_user_ids"] == admins
        assert served("rooms", "admins", room.id, *options).stdout == rows((room.id, "unchanged"))
    assert served("rooms", "admins", room.id) == ("", "", 0)
    room.server.http.delete(room.path)
    assert served.json("rooms", "admins", room.id) == []
    assert served.refused("rooms", "admins", room.id, "--add", "zoe") == ("room_closed", NOT_FOUND)


def test_what_is_never_meant_changes_no_admin(served: Here, room: Room) -> None:
    slips = (
        ("--set", ""),
        ("--set", "anna,"),
        ("--set", "anna", "--add", "bert"),
        ("--add", ""),
        ("--add", "anna", "--remove", "anna"),
        ("anna",),
    )
    for options in slips:
        assert served.refused("rooms", "admins", room.id, *options)[1] == USAGE
    assert room.details()["admin_user_ids"] == ["boss"]


def test_a_room_is_meant_by_the_beginning_of_its_id(served: Here, room: Room) -> None:
    assert served.json("rooms", "show", room.id[:8])["room_id"] == room.id
    for unknown in (room.id[:7], str(uuid.uuid4())):
        assert served.refused("rooms", "show", unknown) == ("room_not_found", NOT_FOUND)
    decoy = room.server.create_room(room.id[:8])
    done = served("rooms", "close", room.id[:8], "--yes")
    assert (done.stdout, done.exit) == ("", CONFLICT)
    assert room.id in done.stderr
    assert decoy.id in done.stderr
    assert served.json("rooms", "show", room.id[:10])["room_id"] == room.id


def test_an_open_room_is_meant_before_a_closed_one(served: Here, shared_server: Server) -> None:
    old = shared_server.create_room("a [1]*?")
    closed = {"room_id": old.id, "room_name": "a [1]*?"}
    for changed in (True, False):
        done = served.json("rooms", "close", "a [1]*?", "--yes")
        assert done == {"changed": changed, **closed}
    assert served.json("rooms", "show", "a [1]*?")["room_id"] == old.id
    new = shared_server.create_room("a [1]*?")
    assert served.json("rooms", "show", "a [1]*?")["room_id"] == new.id


def test_a_terminal_is_told_a_sentence(here: Here, room: Room) -> None:
    place = {"CHATCTL_SERVER": room.server.url, "ADMIN_API_KEY": KEY}
    for words, said in (
        (("rename", "Hall"), "lobby is now called Hall"),
        (("rename", "Hall"), "Hall is called that already: Hall"),
        (("admins", "--add", "anna"), "the admins of Hall are anna, boss"),
        (("admins", "--remove", "bert"), "the admins of Hall are anna, boss, as before"),
    ):
        done = here.as_terminal(80, "rooms", words[0], room.id, *words[1:], **place)
        assert done == (lines(said), "", 0)


def test_a_name_that_an_open_room_has_is_told(served: Here) -> None:
    """And given all the same; a closed room, and one that the name would match, do not count."""
    name = "twin [a]*"
    served("rooms", "create", "twin a and more")
    closed = served("rooms", "create", name).stdout.split("\t")[0]
    served("rooms", "close", closed, "--yes")
    first = served("rooms", "create", name)
    room_id = first.stdout.split("\t")[0]
    assert first == (rows((room_id, f"/ws/rooms/{room_id}")), "", 0)
    second = served("rooms", "create", name)
    assert second.stderr == (
        f"chatctl: another open room is called {name}, too: "
        "commands need the id of the one they mean\n"
    )
    assert (second.stdout.count("\t"), second.exit) == (1, 0)
    assert served("rooms", "create", name, "--quiet").stderr == ""
    other = served("rooms", "create", "another").stdout.split("\t")[0]
    assert served("rooms", "rename", other, name).stderr == (
        f"chatctl: 3 other open rooms are called {name}, too: "
        "commands need the id of the one they mean\n"
    )


def test_the_room_of_a_name_is_made_once(served: Here) -> None:
    args = ("rooms", "create", "the one", "--if-missing", "--admin", "anna")
    made, again = (json.loads(served(*args, "--json", "--quiet").stdout) for _ in range(2))
    assert (made["changed"], again["changed"]) == (True, False)
    assert made["room_id"] == again["room_id"]
    assert made["same_name"] == again["same_name"] == 0
    assert served("rooms", "create", "the one").stderr.startswith("chatctl: another open room is")
    assert served(*args, "--quiet").stdout.split("\t")[0] == made["room_id"]


@pytest.mark.parametrize("verb", ["history", "sessions"])
def test_a_closed_room_keeps_its_past(served: Here, room: Room, verb: str) -> None:
    for _ in ("open", "closed"):
        assert served.json("rooms", verb, room.id) == []
        assert served("rooms", verb, room.id, "--all") == ("", "", 0)
        room.server.http.delete(room.path)
    other = room.server.create_room(f"gone {verb}")
    anna = other.join("anna")
    anna.say("bye")
    room.server.http.delete(other.path)
    anna.close_code()
    assert [each["user_id"] for each in served.json("rooms", verb, f"gone {verb}")] == ["anna"]


def test_say_posts_words_or_stdin(served: Here, room: Room) -> None:
    done = served("say", room.id, "hello", "there", "--as", "alice")
    message_id, seq, _ = done.stdout.split("\t")
    assert (seq, done.stderr, done.exit) == ("1", "", 0)
    posted = served.json("say", room.id, "-", stdin="one\n\ttwo\n")
    assert posted.pop("created_at").endswith("Z")
    assert posted == {
        "changed": True,
        "message_id": int(message_id) + 1,
        "seq": 2,
        "duplicate": False,
    }
    newest, first = room.history()
    assert (first["user_id"], first["content"]) == ("alice", "hello there")
    assert newest["content"] == "one\n\ttwo"
