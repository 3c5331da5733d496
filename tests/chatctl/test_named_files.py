"""A directory where a file is meant, and a file in a directory that is missing: told with the
option, and with what was typed, before anything is done."""

import shlex

import pytest
from prepared_server import Answer, Finished, Prepared
from same_process import Here

USAGE, NOT_FOUND = 2, 3
HOOK = "http://127.0.0.1:1/hook"
ADD = ("callbacks", "add", HOOK, "--events", "*")
FORWARD = ("callbacks", "forward", "--to", HOOK)
REPLAY = ("events", "replay", "--since", "0")
TO_FILE = ("--to-file", "<file>", "--cursor", "place")
READ = [
    (*ADD, "--secret-file", "<file>"),
    ("callbacks", "rotate-secret", HOOK, "--secret-file", "<file>"),
    ("callbacks", "listen", "--secret-file", "<file>"),
    (*FORWARD, "--secret-file", "<file>"),
    (*REPLAY, "--to", HOOK, "--secret-file", "<file>"),
    ("ban", "lobby", "--from", "<file>"),
    ("callbacks", "retry", "--from", "<file>"),
    ("rooms", "--api-key-file", "<file>"),
]
WRITTEN = [
    (*FORWARD, "--cursor", "<file>"),
    (*REPLAY, "--to", HOOK, "--cursor", "<file>"),
    (*REPLAY, *TO_FILE),
    ("sync", "pull", "-o", "<file>"),
]


@pytest.fixture
def place(here: Here, server: Prepared) -> Here:
    """Where there is a directory, a file that is none, and a server that has events."""
    (here.directory / "place").write_text('{"after": 4}')
    (here.directory / "dir").mkdir()
    (here.directory / "plain").touch()
    server.answers["GET /management/status"] = Answer({"last_offset": 9})
    here.environ["CHATCTL_SERVER"] = server.url
    return here


def _run(here: Here, words: tuple[str, ...], named: str) -> tuple[str, Finished]:
    """Its option, and what the command said."""
    option = words[words.index("<file>") - 1]
    return option, here(*(named if word == "<file>" else word for word in words))


def test_a_directory_is_no_file(place: Here, server: Prepared) -> None:
    for words in (*READ, *WRITTEN):
        option, done = _run(place, words, "dir")
        said = f"chatctl: {option}: 'dir' is a directory, not a file\n  try: {option} FILE\n"
        assert done == ("", said, USAGE), words
        option, done = _run(place, words, "")  # of a variable that is not set
        said = f"chatctl: {option} is empty, and names no file\n  try: {option} FILE\n"
        assert done == ("", said, USAGE), words
    assert list((place.directory / "dir").iterdir()) == []
    assert {asked.method for asked in server.asked} <= {"GET"}


def test_where_a_file_is_to_be_must_be_a_directory(place: Here, server: Prepared) -> None:
    """No name of ours is told, as of the file that is put in its place at the end."""
    for words in WRITTEN:
        option, done = _run(place, words, "no where/x")
        said = f"chatctl: {option}: 'no where/x' cannot be written: the directory no where"
        assert done == ("", f"{said} is missing\n  try: mkdir -p 'no where'\n", NOT_FOUND), words
        option, done = _run(place, words, "plain/x")
        said = f"chatctl: {option}: 'plain/x' cannot be written: plain is no directory\n"
        assert done == ("", said, USAGE), words
    assert {asked.method for asked in server.asked} <= {"GET"}


def test_an_argument_is_a_file_too(here: Here) -> None:
    (here.directory / "dir").mkdir()
    said = "chatctl: FILE: 'dir' is a directory, not a file\n"
    for words in (("token", "inspect", "dir"), ("db", "restore", "dir", "--yes")):
        done = here(*words, DATABASE_URL="sqlite:./chat.db")
        assert (done.stdout, done.stderr, done.exit) == ("", said, USAGE)


def test_a_hint_names_a_path_with_a_space_as_a_shell_takes_it(here: Here) -> None:
    here("db", "migrate", "--db", "sqlite:./chat.db")
    (here.directory / "a b.db").write_text("")
    for words in (
        ("serve", "--db", "sqlite:./a b/c.db"),
        ("init", "etc", "--db", "sqlite:./a b/c.db"),
        ("db", "info", "--db", "sqlite:./no b.db"),
        ("db", "backup", "a b/", "--db", "sqlite:./chat.db"),
        ("db", "backup", "a b/c.db", "--db", "sqlite:./chat.db"),
        ("db", "restore", "a b.db", "--db", "sqlite:./chat.db"),
    ):
        hint = here(*words).stderr.splitlines()[1]
        typed = shlex.split(hint.removeprefix("  try: ").partition(", ")[0])
        assert any(word.rstrip("/").endswith(("a b", "a b.db", "no b.db")) for word in typed), typed
