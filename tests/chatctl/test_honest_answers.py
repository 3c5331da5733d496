"""What a command must not pretend: that a server runs, that nothing happened, that all is well."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from prepared_server import Answer, Asked, Prepared
from same_process import Here
from world import PATIENCE_SECONDS

from chatctl.input import times

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ON_FILE = ("--db", "sqlite:./chat.db")
USAGE, NOT_FOUND, TIMED_OUT, CHECK_FAILED = 2, 3, 8, 10
PAGE = 4096


def test_without_a_server_its_figures_are_not_made_up(here: Here) -> None:
    assert here("rooms", "create", "lobby", *ON_FILE).exit == NOT_FOUND
    assert here("db", "migrate", *ON_FILE).exit == 0
    done = here("status", *ON_FILE, "--json")
    status = json.loads(done.stdout)
    assert {status[name] for name in ("pid", "address", "started_at", "uptime_seconds")} == {None}
    assert (status["health"], status["rooms_open"], done.exit) == ("not_running", 0, 0)
    assert "pid\t\n" in here("status", *ON_FILE).stdout


def test_callbacks_that_wait_for_long(here: Here, server: Prepared) -> None:
    """What waits for an endpoint that is disabled is no trouble."""
    server.answers["GET /management/status"] = Answer({"callbacks_pending": 3})
    odd = here.directory / "\x1b[31m.toml"
    odd.write_text("")
    for seconds, status, is_told in (
        (90, "enabled", True),
        (5, "enabled", False),
        (90, "disabled", False),
    ):
        since = int(time.time()) - seconds
        waiting = {"status": status, "pending": 3, "oldest_pending_at": since}
        server.answers["GET /management/callbacks"] = Answer([waiting])
        done = here("status", "--server", server.url)
        said = f"chatctl: callbacks pending: 3, since {times.rfc3339(since)}\n"
        hint = f"  try: chatctl callbacks ls --server {server.url}\n"
        assert done.stderr == (said + hint if is_told else "")
        assert here("status", "--server", server.url, "--quiet").stderr == ""
        told = here("status", "--server", server.url, "--config", str(odd)).stderr
        assert ("\x1b" in told, "--config" in told) == (False, is_told)


def test_an_argument_too_long_for_a_request_is_one_users_failure(
    here: Here, server: Prepared, tmp_path: Path
) -> None:
    room = f"/management/rooms/{ROOM_ID}"
    server.answers = {
        f"GET {room}": Answer({"room_id": ROOM_ID, "room_name": "lobby"}),
        f"PUT {room}/bans/ann": Answer({"changed": True}),
        f"PUT {room}/bans/cat": Answer({"changed": True}),
    }
    users = tmp_path / "users"
    users.write_text(f"ann\n{'b' * 70_000}\ncat\n")
    done = here("ban", ROOM_ID, "--from", str(users), "--server", server.url, "--json")
    assert [json.loads(line).get("changed") for line in done.stdout.splitlines()] == [
        True, None, True,
    ]  # fmt: skip
    assert done.exit == 9
    for args in (("rooms", "show"), ("rooms", "ls", "--match"), ("events", "--actor")):
        done = here(*args, "x" * 70_000, "--server", server.url)
        assert (done.stdout, done.exit) == ("", USAGE)
        assert "an argument is too long for a request" in done.stderr


@pytest.fixture
def late(server: Prepared) -> Iterator[Prepared]:
    """Answers when the test is over."""
    over = threading.Event()

    def answer(_: Asked) -> Answer:
        assert over.wait(PATIENCE_SECONDS)
        return Answer({})

    server.answers = {"GET /management/rooms": answer, "POST /management/rooms": answer}
    yield server
    over.set()


def test_a_change_that_timed_out_may_have_happened(here: Here, late: Prepared) -> None:
    args = ("--timeout", "0.1", "--server", late.url)
    unknown = "whether it did what was asked is not known"
    done = here("rooms", "create", "lobby", *args)
    assert (done.exit, unknown in done.stderr) == (TIMED_OUT, True)
    done = here("rooms", *args)
    assert (done.exit, unknown in done.stderr) == (TIMED_OUT, False)


@pytest.mark.usefixtures("on_file")
def test_nothing_more_happens_in_a_closed_room(here: Here) -> None:
    room = here("rooms", "create", "attic").stdout.split("\t")[0]
    here("say", "attic", "bye")
    here("rooms", "close", "attic", "--yes")
    done = here("watch", "attic")
    assert (done.stdout, done.exit) == ("", NOT_FOUND)
    assert f"chatctl watch {room} --since 0" in done.stderr
    done = here("watch", room, "--since", "0", "--json")
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == [
        "message.posted", "room.closed",
    ]  # fmt: skip
    # When the admin socket is gone the address is used.
    (here.directory / "chat.db.admin.sock").unlink()
    done = here("status", "--json", *ON_FILE)
    assert (json.loads(done.stdout)["health"], done.exit) == ("healthy", 0)


@pytest.mark.parametrize("table", ["event", "conversation"])
def test_a_damaged_file_is_called_damaged(here: Here, table: str) -> None:
    here("db", "migrate", *ON_FILE)
    here("rooms", "create", "lobby", *ON_FILE)
    path = here.directory / "chat.db"
    with contextlib.closing(apsw.Connection(str(path))) as db:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        root = db.execute(query, (table,)).get
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    if table == "conversation":
        done = here("rooms", *ON_FILE)
        assert "The database is damaged\n  try: chatctl db check --db " in done.stderr
    for verb in ("check", "verify"):
        done = here("db", verb, *ON_FILE)
        assert (done.stdout, done.exit) == ("", CHECK_FAILED), done
        assert "temporary" not in done.stderr


def test_a_ban_of_a_thousand_years_is_for_ever(here: Here, server: Prepared) -> None:
    done = here("ban", "lobby", "bob", "--for", "400000d", "--server", server.url)
    assert (done.exit, server.asked) == (USAGE, [])
    assert done.stderr.startswith("chatctl: --for: at most 100 years\n")
