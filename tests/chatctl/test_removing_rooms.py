"""Closed rooms are removed: one by its name, or those that were closed long ago."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from offline import SECOND, Offline
from prepared_server import Chatctl, lines
from same_process import Here
from world import Server

from chatctl_server import errors
from chatctl_server.actions import conversations
from chatctl_server.domain import times
from chatctl_server.storage import maintenance

USAGE, NOT_FOUND, CONFLICT, TIMED_OUT = 2, 3, 5, 8
DAY = 24 * 3600 * SECOND
ON_FILE = ("--db", "sqlite:./chat.db", "--quiet")


@pytest.fixture
def desk(here: Here) -> Offline:
    """Three rooms: closed 40 days ago, closed 4 days ago, open."""
    desk = Offline(here.directory / "chat.db", now=times.now() - 50 * DAY)
    old, new, _ = (desk.create_room(name) for name in ("old", "new", "open"))
    for room in (old, new):
        desk.post(room, "anna", "hello")
    desk.now += 10 * DAY
    desk.run(conversations.close, old)
    desk.now += 36 * DAY
    desk.run(conversations.close, new)
    desk.close()
    return desk


def names(here: Here) -> list[str]:
    listed = here("rooms", "ls", "--status", "all", "--json", *ON_FILE)
    return [each["room_name"] for each in json.loads(listed.stdout)]


def test_a_closed_room_is_removed(served: Here, shared_server: Server) -> None:
    room = shared_server.create_room("hall")
    assert served.refused("rooms", "rm", room.id, "--yes") == ("conflict", CONFLICT)
    said = served("rooms", "rm", room.id, "--yes").stderr
    assert said == (
        "chatctl: hall is open: only a closed room can be removed\n"
        f"  try: chatctl rooms close {room.id}\n"
    )
    assert served("rooms", "close", room.id, "--yes").exit == 0
    assert served.refused("rooms", "rm", room.id) == ("confirmation_needed", USAGE)
    removed = {"changed": True, "room_id": room.id, "room_name": "hall"}
    assert served.json("rooms", "rm", "hall", "--yes") == removed
    assert served.refused("rooms", "rm", room.id, "--yes") == ("room_not_found", NOT_FOUND)
    assert served.json("rooms", "ls", "--match", "hall", "--status", "all") == []


@pytest.mark.usefixtures("desk")
def test_a_person_is_asked(chatctl: Chatctl, here: Here) -> None:
    """For a room, and once for all that were closed long ago."""
    shown, code = chatctl.on_terminal("rooms", "rm", "old", *ON_FILE, typed="n\n")
    assert code == 130
    assert "Remove old (" in shown
    assert "nothing was done" in shown
    assert names(here) == ["new", "old", "open"]
    prune = ("db", "prune", "--older-than", "3d", *ON_FILE)
    shown, code = chatctl.on_terminal(*prune, typed="y\n")
    assert code == 0
    assert "Remove 2 rooms, closed more than 3d ago, and all that is in them? [y/N]" in shown
    assert names(here) == ["open"]
    here("rooms", "close", "open", "--yes", *ON_FILE)
    shown, code = chatctl.on_terminal("rooms", "rm", "open", *ON_FILE, typed="y\n")
    assert code == 0
    assert shown.endswith("open was removed\n")
    assert names(here) == []


@pytest.mark.usefixtures("desk")
def test_what_it_has_not_called_back_is_counted(chatctl: Chatctl, here: Here) -> None:
    """Of a closed room, whose callbacks nobody has sent."""
    hears = ("callbacks", "add", "http://127.0.0.1:9/hook", "--events", "room.*", *ON_FILE)
    assert here(*hears).exit == 0
    assert here("rooms", "close", "open", "--yes", *ON_FILE).exit == 0
    assert here("sync", "--timeout", "1", *ON_FILE).exit == TIMED_OUT
    shown, _ = chatctl.on_terminal("rooms", "rm", "open", *ON_FILE, typed="n\n")
    assert "and all that is in it, unsent callbacks, too: 1? [y/N]" in shown
    done = here("rooms", "rm", "open", "--yes", *ON_FILE[:2])
    assert "chatctl: callbacks of it that are not sent any more: 1\n" in done.stderr
    assert done.exit == 0


@pytest.mark.usefixtures("desk")
def test_what_was_closed_long_ago_goes(here: Here) -> None:
    for age in ("", "90", "ever", "-1d"):
        done = here("db", "prune", f"--older-than={age}", "--yes", *ON_FILE)
        assert done.exit == USAGE
        assert "--older-than" in done.stderr
    prune = ("db", "prune", "--older-than", "30d", *ON_FILE)
    would = json.loads(here(*prune, "--dry-run", "--json").stdout)
    assert [each["room_name"] for each in would] == ["old"]
    assert here(*prune).exit == USAGE
    assert names(here) == ["new", "old", "open"]
    assert json.loads(here(*prune, "--yes", "--json").stdout) == {"changed": True, "rooms": 1}
    assert json.loads(here(*prune, "--yes", "--json").stdout) == {"changed": False, "rooms": 0}
    assert names(here) == ["new", "open"]


def test_it_goes_beside_a_running_server(served: Here, here: Here, shared_server: Server) -> None:
    """By its clock: nothing was closed a day ago. There the file is not written anew."""
    room = shared_server.create_room("just closed")
    shared_server.http.delete(room.path)
    assert served.json("db", "prune", "--older-than", "1d", "--yes") == {
        "changed": False,
        "rooms": 0,
    }
    prune = ("db", "prune", "--older-than", "1s", "--yes", "--compact")
    done = here(*prune, "--db", f"sqlite:{shared_server.database}", "--lock-timeout", "0.1")
    assert (done.stdout, done.exit) == ("", 7)
    assert room.details()["room_name"] == "just closed"


def interleaved(directory: Path) -> Path:
    """Two rooms in which was spoken in turn, so that no page is of one alone; one was closed."""
    desk = Offline(directory / "chat.db")
    kept, closed = desk.create_room("kept"), desk.create_room("closed")
    for number in range(1600):
        desk.post(kept if number % 8 == 0 else closed, "anna", f"{number} {'x' * 500}")
    desk.run(conversations.close, closed)
    desk.close()
    return desk.path


def test_the_file_alone_is_made_as_small_as_can_be(here: Here) -> None:
    path = interleaved(here.directory)
    with closing(sqlite3.connect(path)) as db:  # as a file that was made before
        db.execute("PRAGMA auto_vacuum = none")
        db.execute("VACUUM")
    before = path.stat().st_size
    prune = ("db", "prune", "--older-than", "30d", "--yes", "--compact", *ON_FILE)
    assert here(*prune) == (lines("rooms\t1", "changed\tyes"), "", 0)
    assert path.stat().st_size < before / 3
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert names(here) == ["kept"]
    for check in ("check", "verify"):
        assert here("db", check, *ON_FILE).exit == 0


def test_without_room_for_that_the_rooms_are_removed(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written anew is smaller than what removing writes: the disk fills up in between."""

    def full(path: Path) -> None:
        raise errors.no_room(path)

    path = interleaved(here.directory)
    monkeypatch.setattr(maintenance, "compact", full)
    done = here("db", "prune", "--older-than", "30d", "--yes", "--compact", *ON_FILE)
    assert (done.stdout, done.exit) == ("", 9)
    told = "the rooms are removed, but the file keeps its size: There is no room to write"
    assert done.stderr.startswith(f"chatctl: {told} {path}\n")
    assert names(here) == ["kept"]
