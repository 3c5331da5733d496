"""``sync pull``: everything, once, oldest first, whatever happens while it runs."""

import fcntl
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from offline import SECOND, Offline
from prepared_server import Answer, Asked, Prepared
from same_process import Here
from world import Room, Server, eventually, running

from chatctl.commands import sync_pull
from chatctl.link import room_pages

MESSAGES, SESSIONS = 25, 12
Line = dict[str, Any]


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Pages of the server are small, so that a little history has many."""
    with running(tmp_path_factory.mktemp("lived"), HISTORY_PAGE_LIMIT="4") as server:
        yield server


@pytest.fixture(scope="module")
def rooms(lived_in: Server) -> list[Room]:
    """A busy one, a closed one and an empty one."""
    busy, closed = lived_in.create_room("busy", ("boss",)), lived_in.create_room("closed")
    for number in range(MESSAGES):
        say(busy, f"text {number}")
    say(closed, "good bye")
    for number in range(SESSIONS):
        busy.join(f"user-{number}").close()
    path = f"/management/sync/session-history/{busy.id}"
    eventually(lambda: lived_in.http.get(path).json()["pagination"]["total_records"] == SESSIONS)
    lived_in.http.delete(closed.path)
    return [busy, closed, lived_in.create_room("empty")]


def say(room: Room, text: str) -> None:
    body = {"user_id": "anna", "content": text}
    room.server.http.post(f"{room.path}/messages", json=body).raise_for_status()


@pytest.fixture
def pull(here: Here, lived_in: Server, rooms: list[Room], monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setattr(room_pages, "_CHUNK", 6)
    monkeypatch.setattr(room_pages, "_SESSIONS_A_PAGE", 4)
    return here.at(lived_in)


def lines(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def kinds(found: list[Line]) -> list[tuple[str, str]]:
    """Of each line its type, and what tells it from others."""
    return [
        (each["type"], str(each.get("seq") or each.get("user_id") or each["room_name"]))
        for each in found
    ]


EVERYTHING = [
    ("room", "busy"),
    *(("message", str(seq)) for seq in range(1, MESSAGES + 1)),
    *(("session", f"user-{number}") for number in range(SESSIONS)),
    ("room", "closed"),
    ("message", "1"),
    ("room", "empty"),
]


def test_everything_is_there_once_and_in_order(pull: Here, here: Here, rooms: list[Room]) -> None:
    done = pull("sync", "pull", "-o", "all.ndjson", "--json")
    assert json.loads(done.stdout) == {
        "file": "all.ndjson", "rooms": 3, "messages": MESSAGES + 1, "sessions": SESSIONS,
    }  # fmt: skip
    assert [path.name for path in here.directory.iterdir() if path.is_file()] == ["all.ndjson"]
    found = lines((here.directory / "all.ndjson").read_text())
    assert kinds(found) == EVERYTHING
    assert found[0]["room_id"] == found[1]["room_id"] == rooms[0].id
    assert found[1]["content"] == "text 0"
    assert found[1]["created_at"].endswith("Z")
    assert "closed_at" in found[-3]
    assert pull("sync", "pull", "-o", "-").stdout.count("\n") == len(EVERYTHING)


def test_a_room_and_a_window_of_it(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the file, where a message and a session come every ten seconds. In another room the clock
    stands still: more sessions in one second than a page has."""
    monkeypatch.setattr(room_pages, "_CHUNK", 6)
    monkeypatch.setattr(room_pages, "_SESSIONS_A_PAGE", 4)
    desk = Offline(here.directory / "chat.db")
    room, crowded = desk.create_room("lobby"), desk.create_room("crowded")
    began = desk.now // SECOND
    for number in range(MESSAGES):
        desk.post(room, "anna", f"text {number}")
        desk.stay(room, f"user-{number}", 5)
        desk.now += 10 * SECOND
    users = [f"user-{number:02}" for number in range(11)]
    for user in users:
        desk.stay(crowded, user, 60)
    desk.close()
    args = ("sync", "pull", "-o", "-", "--db", "sqlite:./chat.db", "--room")
    found = kinds(lines(here(*args, "crowded").stdout))
    assert found == [("room", "crowded"), *(("session", user) for user in users)]
    for first, last in ((0, 24), (3, 17), (24, 24), (7, 6)):
        window = ("--from", str(began + 10 * first - 5), "--to", str(began + 10 * last + 5))
        found = kinds(lines(here(*args, "lobby", *window).stdout))
        assert found == [
            ("room", "lobby"),
            *(("message", str(number + 1)) for number in range(first, last + 1)),
            *(("session", f"user-{number}") for number in range(first, last + 1)),
        ]


class Cut(Exception):
    """As a kill would end it: nothing behind it is done."""


def _after(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[Path], None]) -> None:
    """Acts behind the so-manyeth piece."""
    add, left = sync_pull.PulledPart.add, [number]

    def counted(part: sync_pull.PulledPart, piece: room_pages.RoomPiece) -> None:
        add(part, piece)
        left[0] -= 1
        if left[0] == 0:
            act(part.path)

    monkeypatch.setattr(sync_pull.PulledPart, "add", counted)


def _cut(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"type":"message","half":')
    raise Cut


def test_it_goes_on_wherever_it_was_cut(
    pull: Here, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind every piece once; what was written behind the cursor is written again."""
    target = here.directory / "all.ndjson"
    runs = 0
    while not target.exists():
        with monkeypatch.context() as patch:
            _after(patch, 2, _cut)
            done = pull("sync", "pull", "-o", "all.ndjson", "--quiet")
        assert done.exit in (0, 1), done
        assert ("Cut" in done.stderr) == (done.exit == 1)
        runs += 1
        assert runs < 20
    assert runs > 5
    assert kinds(lines(target.read_text())) == EVERYTHING
    assert done.stdout.splitlines()[1:] == ["rooms\t3", f"messages\t{MESSAGES + 1}", "sessions\t12"]
    assert list(here.directory.glob("*.part*")) == []


def test_what_is_posted_meanwhile_shifts_nothing(
    pull: Here, here: Here, lived_in: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = lived_in.create_room("growing")
    for number in range(14):
        say(room, str(number))
    add = sync_pull.PulledPart.add

    def post_behind(part: sync_pull.PulledPart, piece: room_pages.RoomPiece) -> None:
        add(part, piece)
        say(room, "meanwhile")

    monkeypatch.setattr(sync_pull.PulledPart, "add", post_behind)
    assert pull("sync", "pull", "--room", room.id, "-o", "one.ndjson").exit == 0
    found = lines((here.directory / "one.ndjson").read_text())
    assert [line["seq"] for line in found if line["type"] == "message"] == list(range(1, 16))
    lived_in.http.delete(room.path)


def test_sessions_of_one_second_that_end_meanwhile_are_read_anew(
    here: Here, server: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One ends behind the first page, and shifts the second."""
    monkeypatch.setattr(room_pages, "_SESSIONS_A_PAGE", 2)
    users = ["c", "b", "a"]

    def sessions(asked: Asked) -> Answer:
        first = 2 * (int(asked.query.get("page", 1)) - 1)
        if first and len(users) == 3:
            users.insert(0, "d")
        is_within = int(asked.query["from"]) <= 7 <= int(asked.query.get("to", 7))
        found = users if is_within else []
        records = [{"user_id": each, "join_time": 7} for each in found[first : first + 2]]
        return Answer(
            {"records": records, "pagination": {"total_records": len(found), "page_size": 2}}
        )

    room_id = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
    server.answers = {
        "GET /management/rooms": Answer([{"room_id": room_id, "room_name": "lobby"}]),
        f"GET /management/rooms/{room_id}/messages": Answer([]),
        f"GET /management/sync/session-history/{room_id}": sessions,
    }
    done = here("sync", "pull", "-o", "-", "--server", server.url)
    assert [each["user_id"] for each in lines(done.stdout)[1:]] == list("abcd")


def test_what_does_not_fit_is_not_gone_on_with(pull: Here, here: Here) -> None:
    """What a run has left that was cut."""
    room_id = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
    begun = {"asked": [None, None, None], "window": {}, "bytes": 3, "counts": {"room": 1}}
    begun["position"] = [room_id, "done", 0]
    part, cursor = (here.directory / name for name in ("all.part", "all.part.cursor"))
    for changed, message, code in (
        ({"asked": ["lobby", None, None]}, "was begun for another room or time", 2),
        ({"bytes": 4}, "is ahead of its file", 2),
        ({"bytes": "many"}, "holds no cursor of a pull", 2),
        ({}, f"the room {room_id} is gone", 3),
    ):
        part.write_text("{}\n")
        cursor.write_text(json.dumps({**begun, **changed}))
        done = pull("sync", "pull", "-o", "all", "--quiet")
        assert (done.stdout, done.exit) == ("", code)
        assert message in done.stderr
        assert part.read_text() == "{}\n"
    cursor.unlink()
    part.write_text('{"half":')  # before there was a cursor
    assert pull("sync", "pull", "-o", "all", "--room", "empty").exit == 0
    assert kinds(lines((here.directory / "all").read_text())) == [("room", "empty")]


def test_what_cannot_begin_leaves_no_file(pull: Here, here: Here) -> None:
    args = ("sync", "pull", "-o", "all")
    assert pull.refused(*args, "--room", "nowhere") == ("room_not_found", 3)
    assert [path for path in here.directory.iterdir() if path.is_file()] == []
    with (here.directory / "all.part").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert pull.refused(*args) == ("lock_held", 7)
    (here.directory / "all").write_text("mine")
    assert pull.refused(*args) == ("file_exists", 5)
    assert (here.directory / "all").read_text() == "mine"
