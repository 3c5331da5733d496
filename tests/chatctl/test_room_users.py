"""A user over all rooms: what is shown of them, and bans and mutes of all rooms at once."""

import json
import re

import pytest
from prepared_server import Chatctl, Finished, rows
from served import Served
from terminal import on_terminal
from world import KEY, Room

USAGE = 2
SANCTIONS = {"ban": "banned", "mute": "muted"}


def test_show(served: Served, room: Room) -> None:
    here, there = room.server.create_room("here"), room.server.create_room("there")
    here.join("anna").say("hello")
    there.ban("anna", reason="spam")
    document = served.json("room-users", "show", "anna")
    first, second = document["rooms"]
    assert (document["messages"], document["sessions"]) == (1, 1)
    assert (document["ban"], document["mute"]) == (None, None)
    assert (first["room_name"], second["room_name"]) == ("here", "there")
    assert second["last_join_time"] is None
    head, *rest = served("room-users", "show", "anna").stdout.splitlines()
    assert head == "user\tanna"
    since = first["last_join_time"]
    assert "\n".join(rest[-2:]) + "\n" == rows(
        (here.id, "here", "open", "1", "1", since, "yes", "no", "no", "no"),
        (there.id, "there", "open", "0", "0", "", "no", "no", "yes", "no"),
    )


def test_show_on_a_terminal(chatctl: Chatctl, room: Room) -> None:
    """Each room on one line of 80 columns, with what is true of them there."""
    here, there = room.server.create_room("here"), room.server.create_room("there")
    kept = here.join("greta")
    there.ban("greta")
    room.server.http.put(f"{there.path}/mutes/greta")
    room.server.http.delete(there.path)
    shown, code = on_terminal(
        chatctl,
        "room-users",
        "show",
        "greta",
        "--no-color",
        CHATCTL_SERVER=room.server.url,
        ADMIN_API_KEY=KEY,
    )
    kept.close()
    assert code == 0
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[-4:-2] == ["", "ROOM MESSAGES SESSIONS LAST_JOIN THERE"]
    assert re.fullmatch(r"here 0 1 \S+ ago now|here 0 1 now now", lines[-2])
    assert lines[-1] == "there 0 0 - banned, muted, closed"


@pytest.mark.usefixtures("room")
def test_of_whom_nothing_is_known(served: Served) -> None:
    assert served.json("room-users", "show", "nobody")["rooms"] == []
    done = served("room-users", "show", "nobody")
    assert (done.exit, done.stderr) == (0, "")
    assert "messages\t0\n" in done.stdout


@pytest.mark.parametrize("verb", SANCTIONS)
def test_in_all_rooms_and_not_any_more(served: Served, room: Room, verb: str) -> None:
    past = SANCTIONS[verb]
    every = ("mallory", "--all-rooms")
    assert served(verb, *every).stdout == "mallory\tchanged\n"
    assert served(verb, *every).stdout == "mallory\tunchanged\n"
    found = served.json("room-users", "show", "mallory")
    assert (found[verb]["user_id"], found["rooms"]) == ("mallory", [])
    assert served.json(f"{verb}s", room.id) == []
    assert f"{past} everywhere\tyes\n" in served("room-users", "show", "mallory").stdout
    assert served(f"un{verb}", *every).stdout == "mallory\tchanged\n"
    assert served(f"un{verb}", *every).stdout == "mallory\tunchanged\n"
    assert served.json("room-users", "show", "mallory")[verb] is None


@pytest.mark.usefixtures("room")
def test_several_come_from_a_file(served: Served) -> None:
    done: Finished = served("ban", "--all-rooms", "--from", "-", "--json", stdin="eve\nmallory\n")
    assert [json.loads(line)["changed"] for line in done.stdout.splitlines()] == [True, True]
    for user in ("eve", "mallory"):
        assert served.json("room-users", "show", user)["ban"] is not None


@pytest.mark.parametrize("verb", ["ban", "unban", "mute", "unmute"])
def test_a_room_beside_all_rooms_is_no_user(served: Served, room: Room, verb: str) -> None:
    assert served.refused(verb, room.id, "mallory", "--all-rooms") == ("usage", USAGE)
    assert served.refused(verb, "-R", room.id, "mallory", "--all-rooms") == ("usage", USAGE)
    assert served.refused(verb, "--all-rooms") == ("usage", USAGE)
    assert served.json("room-users", "show", room.id)["ban"] is None


def test_a_users_messages_go(served: Served, room: Room) -> None:
    other = room.server.create_room("other")
    for place in (room, other):
        for text in ("one", "two"):
            served("say", place.id, text, "--as", "bob")
    of_bob = ("messages", "rm", "--user", "bob")
    assert served(*of_bob, "--dry-run").stdout == "bob\t4\n"
    assert served.json(*of_bob, "--since", "1h", "--dry-run") == {
        "user_id": "bob",
        "changed": False,
        "messages": 4,
    }
    assert served.refused(*of_bob) == ("confirmation_needed", USAGE)
    assert served(*of_bob).stderr.endswith("  try: the same with --yes\n")
    assert served(*of_bob, "-R", other.id, "--since", "1h", "--yes").stdout == "bob\t2\n"
    assert served(*of_bob[:2], room.id, *of_bob[2:], "--yes").stdout == "bob\t2\n"
    assert served(*of_bob, "--yes") == ("bob\t0\n", "", 0)


@pytest.mark.parametrize(
    "words",
    [
        ("--user", "bob", "--from", "-"),
        ("lobby", "1", "--dry-run"),
        ("lobby", "1", "--yes"),
        ("lobby", "1", "--since", "1h"),
        ("lobby", "1", "--user", "bob"),
        ("--user", "bob", "--since", "soon"),
    ],
)
def test_which_messages_is_said_once(served: Served, words: tuple[str, ...]) -> None:
    assert served.refused("messages", "rm", *words) == ("usage", USAGE)


def test_history(served: Served, room: Room) -> None:
    other = room.server.create_room("other")
    for place, text in ((room, "one"), (other, "two\x1b"), (room, "three")):
        served("say", place.id, text, "--as", "carol")
    found = served.json("room-users", "history", "carol")
    assert [each["content"] for each in found] == ["three", "two\x1b", "one"]
    ids = [str(each["message_id"]) for each in found]
    piped = [
        line.split("\t") for line in served("room-users", "history", "carol").stdout.splitlines()
    ]
    assert [each[0] for each in piped] == ids
    assert [each[3] for each in piped] == ["three", r"two\x1b", "one"]
    assert piped[1][4] == other.id
    cut = served("room-users", "history", "carol", "--limit", "2", "--json")
    assert json.loads(cut.stdout) == found[:2]
    assert f"chatctl room-users history carol --before {ids[1]}" in cut.stderr
    rest = served.json("room-users", "history", "carol", "--before", ids[1])
    assert rest == found[2:]
    assert served.json("room-users", "history", "carol", "--until", "1h") == []


@pytest.mark.parametrize("verb", SANCTIONS)
def test_those_of_all_rooms_are_listed(served: Served, room: Room, verb: str) -> None:
    """Without those of single rooms; and as what takes a list takes it back."""
    kind = f"{verb}s"
    before = served(kind, "--all-rooms").stdout  # other tests'
    assert served(f"un{verb}", "--all-rooms", "--from", "-", stdin=before).exit in (0, USAGE)
    assert served(verb, room.id, "of-one-room").exit == 0
    assert served.json(kind, "--all-rooms") == []
    assert served(verb, "mallory", "--all-rooms", "--reason", "spam", "--for", "1h").exit == 0
    assert served(verb, "trudy", "--all-rooms").exit == 0
    first, second = served.json(kind, "--all-rooms")
    assert (first["user_id"], first["reason"], second["user_id"]) == ("mallory", "spam", "trudy")
    assert first["expires_at"].endswith("Z")
    assert second["expires_at"] is None
    listed = served(kind, "--all-rooms").stdout
    assert [line.split("\t")[0] for line in listed.splitlines()] == ["mallory", "trudy"]
    assert served.refused(kind, room.id, "--all-rooms") == ("usage", USAGE)
    assert served(f"un{verb}", "--all-rooms", "--from", "-", stdin=listed).exit == 0
    assert served.json(kind, "--all-rooms") == []
