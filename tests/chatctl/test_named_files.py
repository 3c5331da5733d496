"""A directory where a file is meant, and a file in a directory that is missing: told with the
option, and with what was typed, before anything is done."""

import shlex

import pytest
from prepared_server import Answer, Prepared
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


def _run(
    here: Here, server: Prepared, words: tuple[str, ...], named: str
) -> tuple[str, str, str, int]:
    """Its option, and what the command said, which has changed nothing."""
    option = words[words.index("<file>") - 1]
    given = [named if word == "<file>" else word for word in words]
    where = () if words[1] == "listen" else ("--server", server.url)
    server.answers["GET /management/status"] = Answer({"last_offset": 9})
    done = here(*given, *where)
    assert {asked.method for asked in server.asked} <= {"GET"}
    return option, *done


@pytest.mark.parametrize("words", [*READ, *WRITTEN])
def test_a_directory_is_no_file(here: Here, server: Prepared, words: tuple[str, ...]) -> None:
    (here.directory / "place").write_text('{"after": 4}')
    (here.directory / "dir").mkdir()
    option, stdout, stderr, code = _run(here, server, words, "dir")
    said = f"chatctl: {option}: 'dir' is a directory, not a file\n  try: {option} FILE\n"
    assert (stdout, stderr, code) == ("", said, USAGE)
    assert list((here.directory / "dir").iterdir()) == []


@pytest.mark.parametrize("words", WRITTEN)
def test_where_a_file_is_to_be_must_be_a_directory(
    here: Here, server: Prepared, words: tuple[str, ...]
) -> None:
    """No name of ours is told, as of the file that is put in its place at the end."""
    option, stdout, stderr, code = _run(here, server, words, "no where/x")
    said = f"chatctl: {option}: 'no where/x' cannot be written: the directory no where is missing\n"
    assert (stdout, stderr, code) == ("", f"{said}  try: mkdir -p 'no where'\n", NOT_FOUND)
    (here.directory / "plain").touch()
    option, stdout, stderr, code = _run(here, server, words, "plain/x")
    said = f"chatctl: {option}: 'plain/x' cannot be written: plain is no directory\n"
    assert (stdout, stderr, code) == ("", said, USAGE)


def test_an_argument_is_a_file_too(here: Here) -> None:
    (here.directory / "dir").mkdir()
    said = "chatctl: FILE: 'dir' is a directory, not a file\n"
    for words in (("token", "inspect", "dir"), ("db", "restore", "dir", "--yes")):
        done = here(*words, DATABASE_URL="sqlite:./chat.db")
        assert (done.stdout, done.stderr, done.exit) == ("", said, USAGE)


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--db", "sqlite:./a b/c.db"),
        ("init", "etc", "--db", "sqlite:./a b/c.db"),
        ("db", "info", "--db", "sqlite:./a b.db"),
        ("db", "backup", "a b/", "--db", "sqlite:./chat.db"),
        ("db", "backup", "a b/c.db", "--db", "sqlite:./chat.db"),
        ("db", "restore", "a b.db", "--db", "sqlite:./chat.db"),
    ],
    ids=" ".join,
)
def test_a_hint_names_a_path_with_a_space_as_a_shell_takes_it(
    here: Here, words: tuple[str, ...]
) -> None:
    here("db", "migrate", "--db", "sqlite:./chat.db")
    (here.directory / "a b.db").write_text("")
    if words[1] == "info":
        (here.directory / "a b.db").unlink()
    hint = here(*words).stderr.splitlines()[1]
    typed = shlex.split(hint.removeprefix("  try: ").partition(", ")[0])
    assert any(word.rstrip("/").endswith(("a b", "a b.db")) for word in typed), typed
