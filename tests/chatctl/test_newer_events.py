"""A log that a newer version has written to: an event of a type that this one does not know is
shown as such, told on as it is, and in nobody's way."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from offline import Offline
from receivers import Receiver, receiver
from same_process import Here
from world import Server, eventually, running

from chatctl_server.actions import endpoints
from chatctl_server.domain import events
from chatctl_server.settings.sources import Settings

TYPE = "poll.opened"
# As payloads are, and as none of ours is.
PAYLOADS = ('{"question": "tea?", "seq": null}', "[1, null]")


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


def test_it_is_shown_as_it_is(served: Here) -> None:
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


def test_it_is_told_on(served: Here) -> None:
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
