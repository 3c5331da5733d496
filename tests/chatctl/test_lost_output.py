"""The result of a change that finds no way out: what is done is done, and that is said."""

import json
import subprocess

import pytest
from prepared_server import Answer, Chatctl, Prepared, problem

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ROOM = {"room_id": ROOM_ID, "room_name": "lobby"}
CREATE = ("rooms", "create", "lobby")
BAN = ("ban", ROOM_ID, "alice", "bob")
UNREACHABLE = 6
PARTLY_DONE = 9


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    server.answers = {
        "GET /management/rooms": Answer([ROOM]),
        f"GET /management/rooms/{ROOM_ID}": Answer(ROOM),
        "POST /management/rooms": Answer({**ROOM, "websocket_url": "/ws"}),
        f"PUT /management/rooms/{ROOM_ID}/bans/alice": Answer({"changed": True}),
        f"PUT /management/rooms/{ROOM_ID}/bans/bob": Answer({"changed": True}),
    }
    return server


def _with_stdout(
    chatctl: Chatctl, server: Prepared | None, stdout: str, *args: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {stdout}', "sh", *chatctl.command(*args)],
        cwd=chatctl.directory,
        env={**chatctl.environ, **({"CHATCTL_SERVER": server.url} if server else {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def _changes(server: Prepared) -> list[str]:
    return [asked.method for asked in server.asked if asked.method != "GET"]


def test_what_is_done_is_said_when_stdout_is_full(chatctl: Chatctl, prepared: Prepared) -> None:
    done = _with_stdout(chatctl, prepared, ">/dev/full", *BAN)
    (line,) = done.stderr.splitlines()[:1]
    assert line.startswith("chatctl: ")
    assert "stdout" in line
    assert "No space left on device" in line
    assert "done" in line
    assert done.returncode == UNREACHABLE
    assert _changes(prepared) == ["PUT", "PUT"]

    done = _with_stdout(chatctl, prepared, ">/dev/full", *CREATE, "--json")
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["exit"], done.returncode) == ("storage_full", 6, UNREACHABLE)
    assert "done" in error["message"]


@pytest.mark.parametrize(("form", "unbuffered"), [((), "1"), (("--json",), "")])
def test_what_failed_is_told_also_when_stdout_is_full(
    chatctl: Chatctl, prepared: Prepared, form: tuple[str, ...], unbuffered: str
) -> None:
    refused = problem(400, "bad_text", "no such text")
    prepared.answers[f"PUT /management/rooms/{ROOM_ID}/bans/bob"] = refused
    chatctl.environ["PYTHONUNBUFFERED"] = unbuffered
    done = _with_stdout(chatctl, prepared, ">/dev/full", *BAN, *form)
    assert done.returncode == PARTLY_DONE
    assert "1 of 2 users banned, 1 failed; the result cannot be" in done.stderr
    assert "done" not in done.stderr.replace("partly_done", "")


@pytest.mark.parametrize(
    "words", [("rooms", "ls"), ("db", "migrate", "--dry-run", "--db", "sqlite:./new.db")]
)
def test_what_changes_nothing_has_done_nothing(
    chatctl: Chatctl, prepared: Prepared, words: tuple[str, ...]
) -> None:
    server = None if words[0] == "db" else prepared
    done = _with_stdout(chatctl, server, ">/dev/full", *words)
    assert "No space left on device" in done.stderr
    assert "done" not in done.stderr
    assert done.returncode == UNREACHABLE


def test_a_closed_stdout_is_as_good_as_a_silent_one(chatctl: Chatctl, prepared: Prepared) -> None:
    """As with ``>/dev/null``: whoever closes it does not want the result."""
    done = _with_stdout(chatctl, prepared, ">&-", *CREATE)
    assert (done.stderr, done.returncode) == ("", 0)
    assert _changes(prepared) == ["POST"]
