"""``chatctl db``: on the file, beside a server, and on files that are damaged."""

import json
import sqlite3

import pytest
from real_server import Serving
from same_process import Here

ON_FILE = ("--db", "sqlite:./chat.db")
POSTED_SINCE = (
    "chatctl: what was posted after this backup is gone, and its numbers will be given again: "
    "clients that were connected must load the history anew\n"
)


@pytest.fixture
def filled(here: Here) -> Here:
    """``chat.db`` with a room ``lobby``."""
    assert here("db", "migrate", "--quiet", *ON_FILE).exit == 0
    assert here("rooms", "create", "lobby", "--quiet", *ON_FILE).exit == 0
    return here


def _names(here: Here) -> list[str]:
    done = here("rooms", "--json", "--quiet", *ON_FILE)
    return [room["room_name"] for room in json.loads(done.stdout)]


def test_migrate_makes_a_missing_file_once(here: Here) -> None:
    would = here("db", "migrate", "--dry-run", "--json", *ON_FILE)
    assert json.loads(would.stdout)["migrations"]
    assert (would.stderr, would.exit) == ("", 0)
    assert not (here.directory / "chat.db").exists()
    done = json.loads(here("db", "migrate", "--json", *ON_FILE).stdout)
    assert (done["created"], done["changed"]) == (True, True)
    again = json.loads(here("db", "migrate", "--json", *ON_FILE).stdout)
    assert (again["created"], again["changed"]) == (False, False)


def test_a_sound_file_passes(filled: Here) -> None:
    for verb in ("check", "verify"):
        done = filled("db", verb, "--json", *ON_FILE)
        sound = {"ok": True, "database": str(filled.directory / "chat.db")}
        assert (json.loads(done.stdout), done.stderr, done.exit) == (sound, "", 0)


def test_a_changed_row_fails_with_exit_10(filled: Here) -> None:
    with sqlite3.connect(filled.directory / "chat.db") as database:
        database.execute("UPDATE conversation SET name = 'x' || char(27)")
    database.close()
    done = filled("db", "verify", *ON_FILE)
    assert (done.stdout, done.exit) == ("", 10)
    assert "\x1b" not in done.stderr
    assert done.stderr.splitlines()[-2] == f"chatctl: {filled.directory}/chat.db has 1 problem"
    error = json.loads(filled("db", "verify", "--json", *ON_FILE).stderr)["error"]
    assert (error["code"], error["exit"]) == ("check_failed", 10)


def test_backup_and_restore(filled: Here) -> None:
    made = json.loads(filled("db", "backup", "good.db", "--json", *ON_FILE).stdout)
    assert made["backup"] == str(filled.directory / "good.db")
    assert filled("db", "backup", "good.db", *ON_FILE).exit == 5
    filled("rooms", "close", "lobby", "--yes", *ON_FILE)
    assert _names(filled) == []
    done = filled("db", "restore", "good.db", "--yes", "--json", *ON_FILE)
    assert (json.loads(done.stdout)["changed"], done.stderr, done.exit) == (True, POSTED_SINCE, 0)
    assert _names(filled) == ["lobby"]


def test_a_restore_where_nothing_was_is_told_otherwise(filled: Here) -> None:
    filled("db", "backup", "good.db", *ON_FILE)
    done = filled("db", "restore", "good.db", "--yes", "--db", "sqlite:./new.db")
    assert done.stderr == (
        "chatctl: what was posted after this backup is not in it; if there was anything, "
        "clients that were connected must load the history anew\n"
    )


def test_a_backup_without_its_manifest_is_restored_with_a_word(filled: Here) -> None:
    filled("db", "backup", "good.db", *ON_FILE)
    with_it = filled("db", "restore", "good.db", "--yes", "--json", *ON_FILE)
    manifest = filled.directory / "good.db.json"
    assert json.loads(with_it.stdout)["manifest"] == str(manifest)
    manifest.unlink()
    done = filled("db", "restore", "good.db", "--yes", "--json", *ON_FILE)
    missing = "chatctl: good.db has no manifest beside it: no checksum was compared\n"
    assert (json.loads(done.stdout)["manifest"], done.stderr) == (None, missing + POSTED_SINCE)
    assert filled("db", "restore", "good.db", "--yes", "--quiet", *ON_FILE).stderr == ""


def test_a_missing_backup_is_exit_3(filled: Here) -> None:
    done = filled("db", "restore", "nowhere.db", "--yes", *ON_FILE)
    assert done == ("", "chatctl: there is no file nowhere.db\n", 3)


def test_beside_a_server_reading_goes_and_replacing_does_not(here: Here, on_file: Serving) -> None:
    here("rooms", "create", "lobby")
    # With nothing configured it is the database of the one server that runs.
    assert json.loads(here("db", "info", "--json").stdout)["rooms_open"] == 1
    assert here("db", "check").exit == 0
    assert here("db", "backup", "copy.db").exit == 0
    for command in (("migrate",), ("restore", "copy.db", "--yes")):
        done = here("db", *command)
        assert (done.stdout, done.exit) == ("", 7)
        assert f"is in use by server pid {on_file.process.pid}" in done.stderr
