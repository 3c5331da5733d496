"""The result of a change that finds no way out: what is done is done, and that is said."""

import json
import subprocess

import pytest
from prepared_server import Answer, Chatctl, Prepared, problem

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ROOM = {"room_id": ROOM_ID, "room_name": "lobby"}
CREATE = ("rooms", "create", "lobby")
BAN = ("ban", ROOM_ID, "alice", "bob")
LIST = ("rooms", "ls")
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
    chatctl: Chatctl, server: Prepared, stdout: str, *args: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {stdout}', "sh", *chatctl.command(*args)],
        cwd=chatctl.directory,
        env={**chatctl.environ, "CHATCTL_SERVER": server.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def _changes(server: Prepared) -> list[str]:
    return [asked.method for asked in server.asked if asked.method != "GET"]


@pytest.mark.parametrize(("args", "changes"), [(CREATE, ["POST"]), (BAN, ["PUT", "PUT"])])
def test_what_is_done_is_said_when_stdout_is_full(
    chatctl: Chatctl, prepared: Prepared, args: tuple[str, ...], changes: list[str]
) -> None:
    done = _with_stdout(chatctl, prepared, ">/dev/full", *args)
    (line,) = done.stderr.splitlines()[:1]
    assert line.startswith("chatctl: ")
    assert "stdout" in line
    assert "No space left on device" in line
    assert "done" in line
    assert done.returncode == UNREACHABLE
    assert _changes(prepared) == changes


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_failed_is_told_also_when_stdout_is_full(
    chatctl: Chatctl, prepared: Prepared, form: tuple[str, ...]
) -> None:
    refused = problem(400, "bad_text", "no such text")
    prepared.answers[f"PUT /management/rooms/{ROOM_ID}/bans/bob"] = refused
    for unbuffered in ("", "1"):
        chatctl.environ["PYTHONUNBUFFERED"] = unbuffered
        done = _with_stdout(chatctl, prepared, ">/dev/full", *BAN, *form)
        assert done.returncode == PARTLY_DONE
        assert "1 of 2 users banned, 1 failed; the result cannot be" in done.stderr
        assert "done" not in done.stderr.replace("partly_done", "")


def test_a_dry_run_has_done_nothing(chatctl: Chatctl, prepared: Prepared) -> None:
    run = ("db", "migrate", "--dry-run", "--db", "sqlite:./new.db")
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >/dev/full', "sh", *chatctl.command(*run)],
        cwd=chatctl.directory, env=chatctl.environ, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert "No space left on device" in done.stderr
    assert "done" not in done.stderr


def test_under_json_too(chatctl: Chatctl, prepared: Prepared) -> None:
    done = _with_stdout(chatctl, prepared, ">/dev/full", *CREATE, "--json")
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["exit"], done.returncode) == ("storage_full", 6, UNREACHABLE)
    assert "done" in error["message"]


def test_a_list_that_is_lost_has_changed_nothing(chatctl: Chatctl, prepared: Prepared) -> None:
    done = _with_stdout(chatctl, prepared, ">/dev/full", *LIST)
    assert "No space left on device" in done.stderr
    assert "done" not in done.stderr
    assert done.returncode == UNREACHABLE


@pytest.mark.parametrize(("args", "changes"), [(CREATE, ["POST"]), (LIST, [])])
def test_a_closed_stdout_is_as_good_as_a_silent_one(
    chatctl: Chatctl, prepared: Prepared, args: tuple[str, ...], changes: list[str]
) -> None:
    """As with ``>/dev/null``: whoever closes it does not want the result."""
    done = _with_stdout(chatctl, prepared, ">&-", *args)
    assert (done.stderr, done.returncode) == ("", 0)
    assert _changes(prepared) == changes
