"""What a command must not pretend: that a server runs, that nothing happened, that all is well."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import jwt
import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared
from real_server import Serving
from same_process import Here
from world import PATIENCE_SECONDS, running

from chatctl.input import times

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ON_FILE = ("--db", "sqlite:./chat.db")
USAGE, NOT_FOUND, TIMED_OUT, CHECK_FAILED = 2, 3, 8, 10
PAGE = 4096


def test_without_a_server_its_figures_are_not_made_up(chatctl: Chatctl) -> None:
    assert chatctl("rooms", "create", "lobby", *ON_FILE).exit == NOT_FOUND
    assert chatctl("db", "migrate", *ON_FILE).exit == 0
    done = chatctl("status", *ON_FILE, "--json")
    status = json.loads(done.stdout)
    assert {status[name] for name in ("pid", "address", "started_at", "uptime_seconds")} == {None}
    assert (status["health"], status["rooms_open"], done.exit) == ("not_running", 0, 0)
    assert "pid\t\n" in chatctl("status", *ON_FILE).stdout


@pytest.mark.parametrize(
    ("seconds", "status", "is_told"),
    [(90, "enabled", True), (5, "enabled", False), (90, "disabled", False)],
)
def test_callbacks_that_wait_for_long(
    here: Here, server: Prepared, seconds: int, status: str, is_told: bool
) -> None:
    """What waits for an endpoint that is disabled is no trouble."""
    since = int(time.time()) - seconds
    waiting = {"status": status, "pending": 3, "oldest_pending_at": since}
    server.answers = {
        "GET /management/status": Answer({"callbacks_pending": 3}),
        "GET /management/callbacks": Answer([waiting]),
    }
    done = here("status", "--server", server.url)
    said = f"chatctl: callbacks pending: 3, since {times.rfc3339(since)}\n"
    hint = f"  try: chatctl callbacks ls --server {server.url}\n"
    assert done.stderr == (said + hint if is_told else "")
    assert here("status", "--server", server.url, "--quiet").stderr == ""
    odd = here.directory / "\x1b[31m.toml"
    odd.write_text("")
    told = here("status", "--server", server.url, "--config", str(odd)).stderr
    assert "\x1b" not in told
    assert ("--config" in told) == is_told


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


def test_nothing_more_happens_in_a_closed_room(chatctl: Chatctl, on_file: Serving) -> None:
    room = chatctl("rooms", "create", "attic").stdout.split("\t")[0]
    chatctl("say", "attic", "bye")
    chatctl("rooms", "close", "attic", "--yes")
    done = chatctl("watch", "attic")
    assert (done.stdout, done.exit) == ("", NOT_FOUND)
    assert f"chatctl watch {room} --since 0" in done.stderr
    done = chatctl("watch", room, "--since", "0", "--json")
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == [
        "message.posted", "room.closed",
    ]  # fmt: skip


def test_when_the_admin_socket_is_gone_the_address_is_used(
    chatctl: Chatctl, on_file: Serving
) -> None:
    (chatctl.directory / "chat.db.admin.sock").unlink()
    done = chatctl("status", "--json", *ON_FILE)
    assert (json.loads(done.stdout)["health"], done.exit) == ("healthy", 0)


@pytest.mark.parametrize("table", ["event", "conversation"])
def test_a_damaged_file_is_called_damaged(chatctl: Chatctl, table: str) -> None:
    chatctl("db", "migrate", *ON_FILE)
    chatctl("rooms", "create", "lobby", *ON_FILE)
    path = chatctl.directory / "chat.db"
    with contextlib.closing(apsw.Connection(str(path))) as db:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        root = db.execute(query, (table,)).get
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    if table == "conversation":
        done = chatctl("rooms", *ON_FILE)
        assert "The database is damaged\n  try: chatctl db check --db " in done.stderr
    for verb in ("check", "verify"):
        done = chatctl("db", verb, *ON_FILE)
        assert (done.stdout, done.exit) == ("", CHECK_FAILED), done
        assert "temporary" not in done.stderr


def test_a_ban_of_a_thousand_years_is_for_ever(here: Here, server: Prepared) -> None:
    done = here("ban", "lobby", "bob", "--for", "400000d", "--server", server.url)
    assert (done.exit, server.asked) == (USAGE, [])
    assert done.stderr.startswith("chatctl: --for: at most 100 years\n")


@pytest.mark.parametrize("claim", ["", None, "another", 5])
def test_a_token_for_no_room_is_for_none(tmp_path: Path, claim: object) -> None:
    """A host that leaves the claim empty by mistake has not opened all rooms."""
    secret = "a-secret-of-at-least-32-bytes-for-hs256"
    with running(tmp_path, ROOM_IDENTITY="token", ROOM_TOKEN_SECRET=secret) as server:
        room = server.create_room()
        claims = {"sub": "ann", "exp": int(time.time()) + 60}
        with pytest.raises(Exception, match="401"):
            server.join(room.id, "ann", token=jwt.encode({**claims, "room": claim}, secret))
        server.join(room.id, "ann", token=jwt.encode({**claims, "room": room.id}, secret))
