"""What is easily typed and never meant: refused before anything is asked of a server."""

import os
import subprocess
from typing import Any

import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared, rows
from same_process import Here

from chatctl.shell import registry

USAGE = 2
ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ROOM = {"room_id": ROOM_ID, "room_name": "lobby"}
USERS = ("bob", "--reason", "--json")
NO_TEXT = "bad\udcff"  # what Python makes of the bytes b"bad\xff" in an argument


def _done(asked: Asked) -> Answer:
    return Answer({"changed": True, **ROOM, "websocket_url": "/ws"})


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    server.answers = {
        "GET /management/rooms": Answer([ROOM]),
        "POST /management/rooms": _done,
        **{f"PUT /management/rooms/{ROOM_ID}/bans/{user}": _done for user in USERS},
    }
    return server


def test_a_ban_for_a_number_without_a_unit_is_refused(here: Here, prepared: Prepared) -> None:
    for time in ("7", "7.5", "07", "3600"):
        done = here("ban", "lobby", "bob", "--for", time, "--server", prepared.url)
        message, hint = done.stderr.splitlines()
        assert (done.stdout, done.exit) == ("", USAGE)
        assert message.startswith("chatctl: --for: ")
        assert hint.startswith(f"  try: --for {time}s, ")
    assert prepared.asked == []


def test_bytes_that_are_no_text_are_no_argument(here: Here, prepared: Prepared) -> None:
    """Whatever the verb does with its words: this one stands between good ones."""
    said = "chatctl: the argument 'bad\\udcff' is no valid UTF-8\n"
    wrong: list[Any] = []
    for path, _, _ in registry.commands():
        verb = path.split()[1:]
        done = here(*verb, "lobby", NO_TEXT, "hello", CHATCTL_SERVER=prepared.url)
        if done != ("", said, USAGE):
            wrong.append((verb, done))
    assert (wrong, prepared.asked) == ([], [])


def test_what_a_real_shell_passes_on(chatctl: Chatctl, prepared: Prepared) -> None:
    """Bytes that are no text; and a closed stdin, which is an empty one."""
    said = b"chatctl: the argument 'bad\\udcff' is no valid UTF-8\n"
    for script, typed, expected in (
        ('exec "$@"', (b"rooms", b"create", b"bad\xff"), (b"", said, USAGE)),
        (
            'exec "$@" <&-',
            (b"ban", b"lobby", b"--from", b"-"),
            (b"", b"chatctl: no users were given, nothing to do\n", 0),
        ),
    ):
        done = subprocess.run(
            ["sh", "-c", script, "sh", *map(os.fsencode, chatctl.command()), *typed],
            cwd=chatctl.directory,
            env={**chatctl.environ, "CHATCTL_SERVER": prepared.url},
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (done.stdout, done.stderr, done.returncode) == expected
    assert prepared.asked == []


def test_an_empty_text_and_an_unasked_question(here: Here, prepared: Prepared) -> None:
    for words, said in (
        (("say", "lobby", "-"), "the text is empty\n"),
        (("ban", "lobby", ""), "USER is empty\n"),
        (("rooms", "show", "a", "b"), "Got unexpected extra argument (b)\n"),
        (("rooms", "ls", "--status", "maybe"), "'maybe' is not one of 'open', 'closed', 'all'"),
        (("status", "--timeout", "0"), "--timeout: '0' is not a duration"),
        (
            ("rooms", "close", "lobby"),
            "closing a room asks first, and here is no terminal to ask on\n",
        ),
    ):
        done = here(*words, CHATCTL_SERVER=prepared.url)
        assert (done.stdout, done.exit) == ("", USAGE)
        assert said in done.stderr
    assert prepared.asked == []


def test_an_option_is_no_value_of_another(here: Here, prepared: Prepared) -> None:
    for typed in (
        "rooms create x --admin --json",
        "rooms create x --admin alice --admin --quiet",
        "ban bob --reason -R lobby",
        "ban lobby bob --reason --for",
        "say lobby hello --as --json",
        "events --actor --json",
        "rooms create x --admin --help",
        "ban lobby bob --reason -h",
        "ban lobby bob --reason -- carl",
        "ban -R --json bob",
    ):
        done = here(*typed.split(), CHATCTL_SERVER=prepared.url)
        assert (done.stdout, done.exit) == ("", USAGE), typed
    assert prepared.asked == []


def test_what_looks_like_an_option_may_be_meant(here: Here, prepared: Prepared) -> None:
    done = here("ban", "lobby", "bob", "--reason=--json", "--quiet", CHATCTL_SERVER=prepared.url)
    assert done.exit == 0, done
    assert prepared.asked[-1].body == {"reason": "--json"}
    done = here("ban", "lobby", "--", "--reason", "--json", CHATCTL_SERVER=prepared.url)
    assert (done.stdout, done.exit) == (rows(("--reason", "changed"), ("--json", "changed")), 0)


def test_a_second_value_of_what_has_one_is_refused(here: Here, prepared: Prepared) -> None:
    """Of the options that every command has the last one holds."""
    for words, name in (
        (("messages", "rm", "--user", "carl", "--user", "anna", "--dry-run"), "--user"),
        (("ban", "lobby", "bob", "--reason", "one", "--reason=two"), "--reason"),
        (("rooms", "show", "-R", "lobby", "--room", "hall"), "-R"),
    ):
        done = here(*words, "--server", prepared.url)
        assert (done.exit, prepared.asked) == (USAGE, [])
        assert done.stderr == f"chatctl: {name} is given twice, and has one value\n"
    words = ("rooms", "create", "x", "--admin", "a", "--admin", "b", "--server", "http://h")
    assert here(*words, "--server", prepared.url).exit == 0
    assert prepared.asked[-1].body["admin_user_ids"] == ["a", "b"]
