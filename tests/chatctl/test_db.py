"""``chatctl db``: on the file, beside a server, and on files that are damaged."""

import json
import sqlite3

import pytest
from prepared_server import Chatctl, lines
from real_server import Serving

ON_FILE = ("--db", "sqlite:./chat.db")
POSTED_SINCE = (
    "chatctl: what was posted after this backup is gone, and its numbers will be given again: "
    "clients that were connected must load the history anew\n"
)


@pytest.fixture
def filled(chatctl: Chatctl) -> Chatctl:
    """``chat.db`` with a room ``lobby``."""
    assert chatctl("db", "migrate", "--quiet", *ON_FILE).exit == 0
    assert chatctl("rooms", "create", "lobby", "--quiet", *ON_FILE).exit == 0
    return chatctl


def _names(chatctl: Chatctl) -> list[str]:
    done = chatctl("rooms", "--json", "--quiet", *ON_FILE)
    return [room["room_name"] for room in json.loads(done.stdout)]


def test_migrate_makes_a_missing_file_once(chatctl: Chatctl) -> None:
    would = chatctl("db", "migrate", "--dry-run", "--json", *ON_FILE)
    assert json.loads(would.stdout)["migrations"]
    assert (would.stderr, would.exit) == ("", 0)
    assert not (chatctl.directory / "chat.db").exists()
    done = json.loads(chatctl("db", "migrate", "--json", *ON_FILE).stdout)
    assert (done["created"], done["changed"]) == (True, True)
    again = json.loads(chatctl("db", "migrate", "--json", *ON_FILE).stdout)
    assert (again["created"], again["changed"]) == (False, False)


@pytest.mark.parametrize("verb", ["info", "check", "verify"])
def test_a_missing_file_is_exit_3(chatctl: Chatctl, verb: str) -> None:
    done = chatctl("db", verb, *ON_FILE)
    assert (done.stdout, done.exit) == ("", 3)
    assert done.stderr.startswith(f"chatctl: there is no database file {chatctl.directory}/chat.db")


@pytest.mark.parametrize("verb", ["info", "check", "verify"])
def test_without_a_database_is_a_usage_error(chatctl: Chatctl, verb: str) -> None:
    expected = lines("chatctl: no database file is configured", "  try: --db sqlite:./chat.db")
    assert chatctl("db", verb) == ("", expected, 2)


def test_a_server_is_nothing_for_a_file_command(filled: Chatctl) -> None:
    done = filled("db", "info", "--server", "http://127.0.0.1:1")
    assert (done.stdout, done.exit) == ("", 2)


@pytest.mark.parametrize("verb", ["check", "verify"])
def test_a_sound_file_passes(filled: Chatctl, verb: str) -> None:
    done = filled("db", verb, "--json", *ON_FILE)
    assert json.loads(done.stdout) == {"ok": True, "database": str(filled.directory / "chat.db")}
    assert (done.stderr, done.exit) == ("", 0)


@pytest.mark.parametrize("verb", ["verify"])
def test_a_changed_row_fails_with_exit_10(filled: Chatctl, verb: str) -> None:
    with sqlite3.connect(filled.directory / "chat.db") as database:
        database.execute("UPDATE conversation SET name = 'x' || char(27)")
    database.close()
    done = filled("db", verb, *ON_FILE)
    assert (done.stdout, done.exit) == ("", 10)
    assert "\x1b" not in done.stderr
    assert done.stderr.splitlines()[-2] == f"chatctl: {filled.directory}/chat.db has 1 problem"
    error = json.loads(filled("db", verb, "--json", *ON_FILE).stderr)["error"]
    assert (error["code"], error["exit"]) == ("check_failed", 10)


def test_backup_and_restore(filled: Chatctl) -> None:
    made = json.loads(filled("db", "backup", "good.db", "--json", *ON_FILE).stdout)
    assert made["backup"] == str(filled.directory / "good.db")
    assert filled("db", "backup", "good.db", *ON_FILE).exit == 5
    filled("rooms", "close", "lobby", "--yes", *ON_FILE)
    assert _names(filled) == []
    assert filled("db", "restore", "good.db", *ON_FILE) == (
        "",
        lines(
            "chatctl: restoring asks first, and here is no terminal to ask on",
            "  try: chatctl db restore good.db --yes --db sqlite:./chat.db",
        ),
        2,
    )
    done = filled("db", "restore", "good.db", "--yes", "--json", *ON_FILE)
    assert (json.loads(done.stdout)["changed"], done.stderr, done.exit) == (True, POSTED_SINCE, 0)
    assert _names(filled) == ["lobby"]


def test_a_backup_without_its_manifest_is_restored_with_a_word(filled: Chatctl) -> None:
    filled("db", "backup", "good.db", *ON_FILE)
    with_it = filled("db", "restore", "good.db", "--yes", "--json", *ON_FILE)
    manifest = filled.directory / "good.db.json"
    assert json.loads(with_it.stdout)["manifest"] == str(manifest)
    manifest.unlink()
    done = filled("db", "restore", "good.db", "--yes", "--json", *ON_FILE)
    missing = "chatctl: good.db has no manifest beside it: no checksum was compared\n"
    assert (json.loads(done.stdout)["manifest"], done.stderr) == (None, missing + POSTED_SINCE)
    assert filled("db", "restore", "good.db", "--yes", "--quiet", *ON_FILE).stderr == ""
    backup = filled.directory / "good.db"
    backup.write_bytes(b"scribbled over" + backup.read_bytes()[14:])
    done = filled("db", "restore", "good.db", "--yes", *ON_FILE)
    assert (done.stdout, done.exit) == ("", 10)
    assert done.stderr.endswith("its header is damaged\n  try: choose another backup\n")


def test_a_missing_backup_is_exit_3(filled: Chatctl) -> None:
    done = filled("db", "restore", "nowhere.db", "--yes", *ON_FILE)
    assert done == ("", "chatctl: there is no file nowhere.db\n", 3)


def test_beside_a_server_reading_goes_and_replacing_does_not(
    chatctl: Chatctl, on_file: Serving
) -> None:
    chatctl("rooms", "create", "lobby")
    # With nothing configured it is the database of the one server that runs.
    assert json.loads(chatctl("db", "info", "--json").stdout)["rooms_open"] == 1
    assert chatctl("db", "check").exit == 0
    assert chatctl("db", "backup", "copy.db").exit == 0
    for command in (("migrate",), ("restore", "copy.db", "--yes")):
        done = chatctl("db", *command)
        assert (done.stdout, done.exit) == ("", 7)
        assert f"is in use by server pid {on_file.process.pid}" in done.stderr
