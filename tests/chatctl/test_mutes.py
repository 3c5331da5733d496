"""Mutes, as bans: with a reason and an end, listed, and passed from room to room."""

import json
from datetime import datetime, timedelta

import pytest
from prepared_server import Answer, Chatctl, Prepared, lines, rows
from served import Served
from terminal import on_terminal
from world import Room

USAGE, NOT_FOUND = 2, 3
LISTS = {"mutes": ("mute", "muted_by"), "bans": ("ban", "banned_by")}


@pytest.mark.parametrize("listing", LISTS)
def test_a_sanction_with_reason_and_end(served: Served, room: Room, listing: str) -> None:
    verb, by = LISTS[listing]
    args = (verb, room.id, "mallory", "--reason", "spam\x1b", "--for", "1h30m")
    done = served.json(*args)
    begun, end = (datetime.fromisoformat(done[name]) for name in ("created_at", "expires_at"))
    assert end - begun == timedelta(minutes=90)
    assert (done.pop("changed"), done["reason"], done[by]) == (True, "spam\x1b", None)
    assert served.json(listing, room.id) == [done]
    assert served(listing, "-R", room.id) == (
        rows(("mallory", r"spam\x1b", "", done["created_at"], done["expires_at"])),
        "",
        0,
    )


@pytest.mark.parametrize("listing", LISTS)
def test_what_one_room_has_another_gets(served: Served, room: Room, listing: str) -> None:
    verb, _ = LISTS[listing]
    other = room.server.create_room("other")
    assert served(listing, room.id) == ("", "", 0)
    assert served.json(listing, room.id) == []
    served(verb, room.id, "zoe", "tab\there")
    listed = served(listing, room.id).stdout
    assert served(verb, other.id, "--from", "-", stdin=listed).exit == 0
    found = served.json(listing, other.id)
    assert [each["user_id"] for each in found] == ["tab\there", "zoe"]
    assert [each["expires_at"] for each in found] == [None, None]
    done = served(f"un{verb}", other.id, "--from", "-", "--json", stdin=json.dumps(found))
    assert [json.loads(line)["changed"] for line in done.stdout.splitlines()] == [True, True]
    assert served.json(listing, other.id) == []


@pytest.mark.parametrize("verb", ["ban", "mute"])
@pytest.mark.parametrize("time", ["90", "soon", "0s", "-1h"])
def test_a_time_has_a_unit(served: Served, room: Room, verb: str, time: str) -> None:
    assert served.refused(verb, room.id, "mallory", f"--for={time}") == ("usage", USAGE)


@pytest.mark.parametrize("listing", LISTS)
def test_rooms_that_have_none(served: Served, room: Room, listing: str) -> None:
    assert served.refused(listing, "nowhere") == ("room_not_found", NOT_FOUND)
    assert served.refused(listing) == ("usage", USAGE)
    assert served.refused(listing, room.id, "mallory") == ("usage", USAGE)
    for _ in range(2):
        room.server.create_room(f"twice {listing}")
    assert served.refused(listing, f"twice {listing}") == ("ambiguous", 5)
    room.server.http.delete(room.path)
    assert served.refused(listing, room.id) == ("room_closed", NOT_FOUND)


@pytest.mark.parametrize("verb", ["ban", "mute"])
def test_a_person_sees_until_when(chatctl: Chatctl, server: Prepared, verb: str) -> None:
    """Also that a further one has made it shorter."""
    room = "/management/rooms/6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
    server.answers[f"GET {room}"] = Answer({"room_id": room.rsplit("/", 1)[1]})
    for user, changed, end in (("ann", True, 1_800_000_000), ("bob", False, None)):
        answer = Answer({"user_id": user, "expires_at": end, "changed": changed})
        server.answers[f"PUT {room}/{verb}s/{user}"] = answer
    args = (verb, room.rsplit("/", 1)[1], "ann", "bob", "--quiet")
    done = "banned" if verb == "ban" else "muted"
    assert on_terminal(chatctl, *args, CHATCTL_SERVER=server.url) == (
        lines(f"ann {done} until 2027-01-15T08:00:00Z", f"bob was already {done} for good"),
        0,
    )


def test_of_one_who_is_not_there_a_kick_says_so(served: Served, room: Room) -> None:
    """Also in a pipe, where unchanged could mean that it was done before."""
    kick = ("kick", room.id)
    note = "chatctl: bob was not here\n"
    assert served(*kick, "bob") == (rows(("bob", "unchanged")), note, 0)
    assert served(*kick, "bob", "--quiet").stderr == ""
    assert served.json(*kick, "bob")["changed"] is False
    assert served(*kick, "bob", "carl").stderr == ""
