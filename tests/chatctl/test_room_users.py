"""People of a room and of all rooms: banned and muted, listed and passed on, and what they said."""

import json
import re
from datetime import datetime, timedelta

import pytest
from prepared_server import lines, rows
from same_process import Here
from world import KEY, Room

USAGE = 2
LISTS = {"ban": ("bans", "banned"), "mute": ("mutes", "muted")}


def person(here: Here, room: Room, *args: str) -> str:
    """What somebody at a terminal reads."""
    place = {"CHATCTL_SERVER": room.server.url, "ADMIN_API_KEY": KEY}
    done = here.as_terminal(80, *args, "--no-color", **place)
    assert (done.stderr, done.exit) == ("", 0)
    return done.stdout


@pytest.mark.parametrize("verb", LISTS)
def test_a_sanction_with_reason_and_end(served: Here, room: Room, verb: str) -> None:
    listing, past = LISTS[verb]
    done = served.json(verb, room.id, "eve", "--reason", "spam\x1b", "--for", "1h30m")
    begun, end = (datetime.fromisoformat(done[name]) for name in ("created_at", "expires_at"))
    assert end - begun == timedelta(minutes=90)
    assert (done.pop("changed"), done["reason"], done[f"{past}_by"]) == (True, "spam\x1b", None)
    assert served.json(listing, room.id) == [done]
    assert served(listing, "-R", room.id) == (
        rows(("eve", r"spam\x1b", "", done["created_at"], done["expires_at"])),
        "",
        0,
    )


@pytest.mark.parametrize("verb", LISTS)
def test_what_one_room_has_another_gets(served: Here, room: Room, verb: str) -> None:
    """Whatever the users are called."""
    listing, _ = LISTS[verb]
    other = room.server.create_room("other")
    assert served(listing, room.id) == ("", "", 0)
    assert served.json(listing, room.id) == []
    odd = ["..", "a b?c#d%20", "a/b\\", "tab\there", "é"]
    served(verb, room.id, "--", *odd)
    listed = served(listing, room.id).stdout
    assert served(verb, other.id, "--from", "-", stdin=listed).exit == 0
    found = served.json(listing, other.id)
    assert [each["user_id"] for each in found] == odd
    assert {each["expires_at"] for each in found} == {None}
    for changed in (True, False):
        done = served(f"un{verb}", other.id, "--from", "-", "--json", stdin=json.dumps(found))
        assert [json.loads(line)["changed"] for line in done.stdout.splitlines()] == [changed] * 5
    assert served.json(listing, other.id) == []


@pytest.mark.parametrize("verb", LISTS)
def test_a_person_sees_until_when(here: Here, room: Room, verb: str) -> None:
    _, past = LISTS[verb]
    shown = person(here, room, verb, room.id, "ann", "--for", "1h", "--quiet")
    assert re.fullmatch(rf"ann {past} until 20\S+Z\n", shown)
    person(here, room, verb, room.id, "bob")
    already = lines(f"bob was already {past} for good")
    assert person(here, room, verb, room.id, "bob") == already


def test_of_one_who_is_not_there_a_kick_says_so(served: Here, room: Room) -> None:
    """Also in a pipe, where unchanged could mean that it was done before."""
    kick = ("kick", room.id)
    note = "chatctl: bob was not here\n"
    assert served(*kick, "bob") == (rows(("bob", "unchanged")), note, 0)
    assert served(*kick, "bob", "--quiet").stderr == ""
    assert served.json(*kick, "bob")["changed"] is False
    assert served(*kick, "bob", "carl").stderr == ""


def test_a_user_is_shown_with_their_rooms(served: Here, room: Room, here: Here) -> None:
    """On a terminal each room on one line of 80 columns, with what is true of them there."""
    first, second = room.server.create_room("here"), room.server.create_room("there")
    kept = first.join("anna")
    kept.say("hello")
    second.ban("anna", reason="spam")
    room.server.http.put(f"{second.path}/mutes/anna")
    room.server.http.delete(second.path)
    document = served.json("room-users", "show", "anna")
    assert (document["messages"], document["sessions"]) == (1, 1)
    assert (document["ban"], document["mute"]) == (None, None)
    assert [each["room_name"] for each in document["rooms"]] == ["here", "there"]
    since = document["rooms"][0]["last_join_time"]
    piped = served("room-users", "show", "anna").stdout
    assert piped.startswith("user\tanna\n")
    assert piped.endswith(
        rows(
            (first.id, "here", "open", "1", "1", since, "yes", "no", "no", "no"),
            (second.id, "there", "closed", "0", "0", "", "no", "no", "yes", "yes"),
        )
    )
    table = person(here, room, "room-users", "show", "anna").splitlines()
    assert table[-4] == ""
    title, first_row, second_row = (" ".join(line.split()) for line in table[-3:])
    assert title == "ROOM MESSAGES SESSIONS LAST JOIN THERE"
    assert re.fullmatch(r"here 1 1 (\S+ ago|now) now", first_row)
    assert second_row == "there 0 0 - banned, muted, closed"
    kept.close()
    assert served.json("room-users", "show", "nobody")["rooms"] == []
    assert "messages\t0\n" in served("room-users", "show", "nobody").stdout


@pytest.mark.parametrize("verb", LISTS)
def test_in_all_rooms_and_not_any_more(served: Here, room: Room, verb: str) -> None:
    """Listed without those of single rooms; and as what takes a list takes it back."""
    listing, past = LISTS[verb]
    everywhere = (listing, "--all-rooms")
    assert served(verb, room.id, "of-one-room").exit == 0
    given = (verb, "mallory", "--all-rooms", "--reason", "spam", "--for", "1h")
    assert served(*given).stdout == "mallory\tchanged\n"
    done = served(verb, "--all-rooms", "--from", "-", "--json", stdin="trudy\n")
    assert json.loads(done.stdout)["changed"] is True
    first, second = served.json(*everywhere)
    assert (first["user_id"], first["reason"], second["user_id"]) == ("mallory", "spam", "trudy")
    assert first["expires_at"].endswith("Z")
    assert second["expires_at"] is None
    assert served(verb, "trudy", "--all-rooms").stdout == "trudy\tunchanged\n"
    found = served.json("room-users", "show", "mallory")
    assert (found[verb]["user_id"], found["rooms"]) == ("mallory", [])
    assert f"{past} everywhere\tyes\n" in served("room-users", "show", "mallory").stdout
    listed = served(*everywhere).stdout
    assert [line.split("\t")[0] for line in listed.splitlines()] == ["mallory", "trudy"]
    back = (f"un{verb}", "--all-rooms", "--from", "-")
    for outcome in ("changed", "unchanged"):
        expected = rows(("mallory", outcome), ("trudy", outcome))
        assert served(*back, stdin=listed).stdout == expected
    assert served.json(*everywhere) == []
    assert served.json("room-users", "show", "mallory")[verb] is None


def test_a_room_beside_all_rooms_is_no_user(served: Here, room: Room) -> None:
    every = "--all-rooms"
    for verb in ("ban", "unban", "mute", "unmute"):
        for words in ((room.id, "mallory", every), ("-R", room.id, "mallory", every), (every,)):
            assert served.refused(verb, *words) == ("usage", USAGE)
    for listing in ("bans", "mutes"):
        assert served.refused(listing, room.id, every) == ("usage", USAGE)
        assert served.refused(listing) == ("usage", USAGE)
        assert served.refused(listing, "nowhere") == ("room_not_found", 3)
    assert served.json("room-users", "show", room.id)["ban"] is None


def test_a_users_messages_go(served: Here, room: Room) -> None:
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
    assert served(*of_bob, "-R", other.id, "--since", "1h", "--yes").stdout == "bob\t2\n"
    assert served(*of_bob[:2], room.id, *of_bob[2:], "--yes").stdout == "bob\t2\n"
    assert served(*of_bob, "--yes") == ("bob\t0\n", "", 0)


def test_which_messages_is_said_once(served: Here) -> None:
    for words in (
        ("--user", "bob", "--from", "-"),
        ("lobby", "1", "--dry-run"),
        ("lobby", "1", "--since", "1h"),
        ("lobby", "1", "--user", "bob"),
        ("--user", "bob", "--since", "soon"),
    ):
        assert served.refused("messages", "rm", *words) == ("usage", USAGE)


def test_what_a_user_said(served: Here, room: Room) -> None:
    other = room.server.create_room("other")
    for place, text in ((room, "one"), (other, "two\x1b"), (room, "three")):
        served("say", place.id, text, "--as", "carol")
    of_carol = ("room-users", "history", "carol")
    found = served.json(*of_carol)
    assert [each["content"] for each in found] == ["three", "two\x1b", "one"]
    ids = [str(each["message_id"]) for each in found]
    piped = [line.split("\t") for line in served(*of_carol).stdout.splitlines()]
    assert [(each[0], each[3]) for each in piped] == [
        (ids[0], "three"),
        (ids[1], r"two\x1b"),
        (ids[2], "one"),
    ]
    assert piped[1][4] == other.id
    cut = served(*of_carol, "--limit", "2", "--json")
    assert json.loads(cut.stdout) == found[:2]
    assert f"chatctl room-users history carol --before {ids[1]}" in cut.stderr
    assert served.json(*of_carol, "--before", ids[1]) == found[2:]
    assert served.json(*of_carol, "--until", "1h") == []
