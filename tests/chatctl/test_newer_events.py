"""A log that a newer version has written to: an event of a type that this one does not know is
shown as such, told on as it is, and in nobody's way."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from as_terminal import as_terminal, without_colours
from offline import Offline
from receivers import Receiver, receiver
from same_process import Here
from served import Served
from world import KEY, Server, eventually, running

from chatctl_server.actions import endpoints
from chatctl_server.domain import events
from chatctl_server.settings.sources import Settings

TYPE = "poll.opened"
SAID = f"* {TYPE}, of a newer version"
# As payloads are, and as none of ours is.
PAYLOADS = ('{"question": "tea?", "seq": null}', "[1, null]")
ON_FILE = ("--db", "sqlite:./chat.db", "--quiet")


def prepare(directory: Path, hook: Receiver) -> None:
    """A room with a message, both events, and a message; an endpoint hears of all of it."""
    desk = Offline(directory / "chat.db")
    desk.run(endpoints.add, f"{hook.origin}/all", ["*"], None, True, Settings())
    room = desk.create_room("lobby")
    desk.post(room, "anna", "before")
    for _ in PAYLOADS:
        desk.run(lambda tx, actor: tx.record(events.UserKicked("bert"), actor, room))
    desk.post(room, "anna", "after")
    desk.close()
    with closing(sqlite3.connect(desk.path)) as db, db:
        found = db.execute("SELECT id FROM event WHERE type = 'user.kicked' ORDER BY id").fetchall()
        for (offset,), payload in zip(found, PAYLOADS, strict=True):
            db.execute(
                "UPDATE event SET type = ?, payload = ? WHERE id = ?", (TYPE, payload, offset)
            )


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("newer")
    prepare(directory, hook)
    with running(directory) as started:
        yield started


def newer(found: list[dict[str, Any]]) -> list[Any]:
    return [each["data"] for each in found if each["type"] == TYPE]


DATA = [json.loads(payload) for payload in PAYLOADS]


def test_it_is_shown_as_it_is(served: Served) -> None:
    for verb in ("ls", "tail"):
        expected = DATA[::-1] if verb == "ls" else DATA
        assert newer(served.json("events", verb)) == expected
        cells = [line.split("\t") for line in served("events", verb).stdout.splitlines()]
        assert [json.loads(row[-1]) for row in cells if row[2] == TYPE] == expected
    args = ("watch", "lobby", "--since", "0", "--count", "4")
    rows = [line.split("\t")[1:] for line in served(*args).stdout.splitlines()]
    assert [row[0] for row in rows] == ["message.posted", TYPE, TYPE, "message.posted"]
    assert rows[2] == [TYPE, "", "", "", ""]
    done = served(*args, "--json")
    assert newer([json.loads(line) for line in done.stdout.splitlines()]) == DATA


def test_a_person_reads_that_it_is_newer(here: Here, shared_server: Server) -> None:
    place = {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
    listed = as_terminal(here, 200, "events", **place)
    assert without_colours(listed.stdout).count(SAID) == len(DATA)
    watched = as_terminal(here, 200, "watch", "lobby", "--since", "0", "--count", "4", **place)
    shown = without_colours(watched.stdout).splitlines()
    assert [line.partition("  ")[2] for line in shown] == [
        "anna: before",
        SAID,
        SAID,
        "anna: after",
    ]


def test_it_is_told_on(served: Served, here: Here) -> None:
    with receiver() as mine:
        args = ("callbacks", "forward", "--to", mine.url, "--since", "0", "--count", "6")
        done = served(*args, "--quiet")
        assert done.exit == 0, done
        assert newer([request.json for request in mine.requests]) == DATA
        before = len(mine.requests)
        done = served("events", "replay", "--since", "0", "--to", mine.url)
        assert done.exit == 0, done
        assert newer([request.json for request in mine.requests[before:]]) == DATA
    done = served("events", "replay", "--since", "0", "--to-file", "-")
    assert newer([json.loads(line) for line in done.stdout.splitlines()]) == DATA


def test_callbacks_pass_it_over(shared_server: Server, hook: Receiver) -> None:
    """It holds nothing up: what came behind it is sent."""
    said = {"user_id": "anna", "content": "last"}
    room_id = shared_server.http.get("/management/rooms").json()[0]["room_id"]
    path = f"/management/rooms/{room_id}/messages"
    shared_server.http.post(path, json=said).raise_for_status()

    def texts() -> list[str]:
        told = [each.json for each in hook.requests]
        return [each["data"]["content"] for each in told if each["type"] == "message.posted"]

    eventually(lambda: texts() == ["before", "after", "last"])
    assert newer([each.json for each in hook.requests]) == []


def test_on_the_file_it_is_the_same(here: Here, hook: Receiver) -> None:
    prepare(here.directory, hook)
    assert newer(json.loads(here("events", "--json", *ON_FILE).stdout)) == DATA[::-1]
    done = here("events", "replay", "--since", "0", "--to-file", "-", *ON_FILE)
    assert newer([json.loads(line) for line in done.stdout.splitlines()]) == DATA
    for args in (("rooms", "history", "lobby"), ("messages", "rm", "lobby", "1")):
        assert here(*args, *ON_FILE).exit == 0
