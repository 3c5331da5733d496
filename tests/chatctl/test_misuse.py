"""What is easily typed and never meant: refused before anything is asked of a server."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared, lines, rows
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


def _verbs() -> Iterator[tuple[str, ...]]:
    yield from ((verb.name,) for verb in registry.VERBS)
    for noun, (_, verbs) in registry.NOUNS.items():
        yield from ((noun, verb.name) for verb in verbs)


@pytest.mark.parametrize("time", ["7", "7.5", "07", "3600"])
def test_a_ban_for_a_number_without_a_unit_is_refused(
    here: Here, prepared: Prepared, time: str
) -> None:
    done = here("ban", "lobby", "bob", "--for", time, "--server", prepared.url)
    message, hint = done.stderr.splitlines()
    assert (done.stdout, done.exit) == ("", USAGE)
    assert message.startswith("chatctl: --for: ")
    assert hint.startswith(f"  try: --for {time}s, ")
    assert prepared.asked == []


def test_a_ban_for_a_time_with_its_unit_is_sent(here: Here, prepared: Prepared) -> None:
    assert here("ban", "lobby", "bob", "--for", "7h", "--server", prepared.url).exit == 0
    assert prepared.asked[-1].body == {"expires_in": 7 * 3600}


@pytest.mark.parametrize("verb", list(_verbs()), ids=" ".join)
def test_bytes_that_are_no_text_are_no_argument(
    here: Here, prepared: Prepared, verb: tuple[str, ...]
) -> None:
    """Whatever the verb does with its words: this one stands between good ones."""
    args = (*verb, "lobby", NO_TEXT, "hello")
    message = r"the argument 'bad\udcff' is no valid UTF-8"
    assert here(*args, CHATCTL_SERVER=prepared.url) == (
        "",
        lines(f"chatctl: {message}"),
        USAGE,
    )
    done = here(*args, "--json", CHATCTL_SERVER=prepared.url)
    assert (done.stdout, done.exit) == ("", USAGE)
    assert json.loads(done.stderr)["error"]["message"] == message
    assert prepared.asked == []


def test_bytes_that_are_no_text_from_a_real_shell(chatctl: Chatctl) -> None:
    done = subprocess.run(
        [*map(os.fsencode, chatctl.command("rooms", "create")), b"bad\xff"],
        cwd=chatctl.directory,
        env=chatctl.environ,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == b"chatctl: the argument 'bad\\udcff' is no valid UTF-8\n"
    assert (done.stdout, done.returncode) == (b"", USAGE)


@pytest.mark.parametrize(
    "args",
    [
        ("rooms", "create", "x", "--admin", "--json"),
        ("rooms", "create", "x", "--admin", "alice", "--admin", "--quiet"),
        ("ban", "lobby", "bob", "--reason", "--json"),
        ("ban", "bob", "--reason", "-R", "lobby"),
        ("ban", "lobby", "bob", "--reason", "--for"),
        ("say", "lobby", "hello", "--as", "--json"),
        ("events", "--actor", "--json"),
        ("rooms", "ls", "--match", "--json"),
        ("rooms", "create", "x", "--admin", "--help"),
        ("ban", "lobby", "bob", "--reason", "-h"),
        ("ban", "lobby", "bob", "--reason", "--", "carl"),
        ("ban", "-R", "--json", "bob"),
    ],
    ids=" ".join,
)
def test_an_option_is_no_value_of_another(
    here: Here, prepared: Prepared, args: tuple[str, ...]
) -> None:
    done = here(*args, CHATCTL_SERVER=prepared.url)
    assert (done.stdout, done.exit) == ("", USAGE)
    assert prepared.asked == []


def test_what_looks_like_an_option_may_be_meant(here: Here, prepared: Prepared) -> None:
    done = here("ban", "lobby", "bob", "--reason=--json", "--quiet", CHATCTL_SERVER=prepared.url)
    assert done.exit == 0, done
    assert prepared.asked[-1].body == {"reason": "--json"}
    done = here("ban", "lobby", "--", "--reason", "--json", CHATCTL_SERVER=prepared.url)
    assert (done.stdout, done.exit) == (rows(("--reason", "changed"), ("--json", "changed")), 0)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            ("ban", "lobby", "--from", "-"),
            ("", "chatctl: no users were given, nothing to do\n", 0),
        ),
        (("say", "lobby", "-"), ("", "chatctl: the text is empty\n", USAGE)),
        (
            ("rooms", "close", "lobby"),
            (
                "",
                lines(
                    "chatctl: closing a room asks first, and here is no terminal to ask on",
                    "  try: chatctl rooms close lobby --yes",
                ),
                USAGE,
            ),
        ),
    ],
    ids=["ban", "say", "close"],
)
def test_a_closed_stdin_is_an_empty_one(
    chatctl: Chatctl, prepared: Prepared, args: tuple[str, ...], expected: tuple[str, str, int]
) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *chatctl.command(*args)],
        cwd=chatctl.directory,
        env={**chatctl.environ, "CHATCTL_SERVER": prepared.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == expected
    assert prepared.asked == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("user show anna", "chatctl room-users"),
        ("users ls", "chatctl room-users"),
        ("room ls", "chatctl rooms"),
        ("backup x.db", "chatctl db backup"),
        ("romms ls", "chatctl rooms"),
        ("nothing-like-it", "chatctl --help"),
        ("callbacks list", "chatctl callbacks ls, listen"),
        ("-v", "chatctl --version"),
        ("events --until 1h -f", "chatctl events tail -f"),
        ("ban", "as in: chatctl ban lobby mallory --reason spam --for 7d"),
        ("rooms create", "as in: chatctl rooms create lobby --admin alice --json"),
        ("events --since", "--since OFFSET|ID|TIME"),
        ("callbacks recover --only", "--only failed|missing|all"),
        ("export", "chatctl export ROOM, or --all for all"),
        ("status --server 127.0.0.1:4311", "--server http://127.0.0.1:4311"),
        ("status --server chat.example.org", "--server http://chat.example.org"),
        ("status --server ftp://a", "--server http://127.0.0.1:3000"),
    ],
)
def test_what_is_typed_wrongly_leads_to_what_is_meant(here: Here, typed: str, meant: str) -> None:
    done = here(*typed.split())
    assert (done.stdout, done.exit) == ("", 2)
    assert done.stderr.splitlines()[1] == f"  try: {meant}"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("messages", "rm", "--user", "carl", "--user", "anna", "--dry-run"), "--user"),
        (("ban", "lobby", "bob", "--reason", "one", "--reason=two"), "--reason"),
        (("rooms", "show", "-R", "lobby", "--room", "hall"), "-R"),
    ],
)
def test_a_second_value_of_what_has_one_is_refused(
    here: Here, prepared: Prepared, words: tuple[str, ...], name: str
) -> None:
    done = here(*words, "--server", prepared.url)
    assert (done.exit, prepared.asked) == (USAGE, [])
    assert done.stderr == f"chatctl: {name} is given twice, and has one value\n"


def test_what_may_be_repeated_may_be(here: Here, prepared: Prepared) -> None:
    """And of the options that every command has the last one holds."""
    words = ("rooms", "create", "x", "--admin", "a", "--admin", "b", "--server", "http://h")
    assert here(*words, "--server", prepared.url).exit == 0
    assert prepared.asked[-1].body["admin_user_ids"] == ["a", "b"]
