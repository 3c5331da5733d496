"""``chatctl db backup DIRECTORY --keep N``: what cron runs every night."""

import json
import os
import re
from pathlib import Path

import pytest
from limits import read_only
from lived_in import flip_bytes, names
from offline import Offline
from same_process import Here

from chatctl_server.errors import ChatctlError
from chatctl_server.storage import maintenance
from chatctl_server.storage.maintenance import backup_retention, backups

DAY = 86_400_000_000
FIRST = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z


@pytest.fixture
def database(tmp_path: Path) -> Path:
    scene = Offline(tmp_path / "chat.db")
    scene.create_room("lobby")
    scene.close()
    return scene.path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


def nightly(database: Path, directory: Path, day: int, keep: int | None) -> list[str]:
    """What was removed, by name."""
    done = maintenance.backup_into(database, directory, keep, FIRST + day * DAY)
    return [Path(each).name for each in done.removed]


def days(directory: Path) -> list[int]:
    """Which nights are there, each whole."""
    found = names(directory)
    kept = [name for name in found if name.endswith(".db")]
    assert found == sorted([*kept, *(f"{name}.json" for name in kept)])
    return [int(name[13:15]) - 14 for name in kept]


def test_the_newest_are_kept(database: Path, directory: Path) -> None:
    for day in range(4):
        assert nightly(database, directory, day, None) == []
    assert days(directory) == [0, 1, 2, 3]
    assert names(directory)[0] == "chat-2023-11-14T221320Z.db"
    assert len(nightly(database, directory, 4, 3)) == 2
    assert days(directory) == [2, 3, 4]
    assert nightly(database, directory, 5, 3) == ["chat-2023-11-16T221320Z.db"]
    assert len(nightly(database, directory, 6, 1)) == 3
    assert days(directory) == [6]


def test_only_its_own_are_removed(database: Path, directory: Path, tmp_path: Path) -> None:
    others = tmp_path / "elsewhere"
    others.mkdir()
    other = Offline(others / "chat.db")
    other.create_room("hall")
    other.close()
    # Another database of the same name, copies that people have named, and what looks alike.
    nightly(other.path, directory, 0, None)
    backups.backup(database, directory / "chat-before-the-move.db")
    for name in ("chat-2023-11-01T000000Z.db", "chat-2023-11-01T000000Z.db.json", "notes.txt"):
        (directory / name).write_text("{}")
    before = set(names(directory))
    for day in range(1, 4):
        nightly(database, directory, day, 1)
    assert set(names(directory)) - before == {
        "chat-2023-11-17T221320Z.db",
        "chat-2023-11-17T221320Z.db.json",
    }
    assert before <= set(names(directory))


def test_a_link_to_the_database_has_the_same_backups(database: Path, directory: Path) -> None:
    link = database.with_name("link.db")
    link.symlink_to(database)
    nightly(database, directory, 0, 1)
    assert nightly(link, directory, 1, 1) == ["chat-2023-11-14T221320Z.db"]


def test_a_clock_that_was_set_back_costs_no_new_backup(database: Path, directory: Path) -> None:
    for day in (5, 6):
        nightly(database, directory, day, 2)
    assert nightly(database, directory, 1, 2) == ["chat-2023-11-19T221320Z.db"]
    assert days(directory) == [1, 6]


def test_nothing_is_removed_when_the_new_one_is_bad(database: Path, directory: Path) -> None:
    for day in range(2):
        nightly(database, directory, day, 2)
    flip_bytes(database, database.stat().st_size // 2, 4096)
    with pytest.raises(ChatctlError):
        nightly(database, directory, 2, 1)
    assert days(directory) == [0, 1]


def test_two_at_the_same_second(database: Path, directory: Path) -> None:
    """The second one is of the next second; neither is overwritten."""
    nightly(database, directory, 0, 2)
    assert nightly(database, directory, 0, 2) == []
    assert [each for each in names(directory) if each.endswith(".db")] == [
        "chat-2023-11-14T221320Z.db",
        "chat-2023-11-14T221321Z.db",
    ]


def test_a_removal_that_was_interrupted_is_completed(database: Path, directory: Path) -> None:
    for day in range(3):
        nightly(database, directory, day, 3)
    (directory / "chat-2023-11-14T221320Z.db").unlink()  # its manifest is left
    # A whole backup is not counted out by one that is half gone.
    assert nightly(database, directory, 3, 3) == []
    assert nightly(database, directory, 4, 3) == [
        "chat-2023-11-14T221320Z.db",
        "chat-2023-11-15T221320Z.db",
    ]
    assert days(directory) == [2, 3, 4]


def test_half_a_copy_of_a_killed_backup_goes_after_a_day(database: Path, directory: Path) -> None:
    killed, running = ".chat-2023-11-14T221320Z.db.ab12.part", ".chat-2023-11-15T221320Z.db.x.part"
    others = ".other-2023-11-14T221320Z.db.ab12.part"
    now = (FIRST + 2 * DAY) // 1_000_000
    for name, age in ((killed, 90_000), (running, 3_600), (others, 90_000)):
        (directory / name).write_text("half")
        os.utime(directory / name, (now - age, now - age))
    nightly(database, directory, 2, 1)
    assert [name for name in names(directory) if name.startswith(".")] == [running, others]


class TestCommand:
    def test_into_a_directory(self, here: Here, database: Path, directory: Path) -> None:
        nightly(database, directory, 0, None)
        (old,) = backup_retention.own(database, directory)
        done = here("db", "backup", "backups", "--keep", "1", "--json", "--db", "sqlite:chat.db")
        found = json.loads(done.stdout)
        assert (found["changed"], found["removed"]) == (True, [str(old)])
        assert found["database"] == str(database)
        name = Path(found["backup"]).name
        assert re.fullmatch(r"chat-\d{4}-\d\d-\d\dT\d{6}Z\.db", name)
        assert names(directory) == [name, f"{name}.json"]
        assert (done.stderr, done.exit) == ("", 0)

    def test_partly_done_is_exit_9(self, here: Here, database: Path, directory: Path) -> None:
        nightly(database, directory, 0, None)
        (stuck,) = backup_retention.own(database, directory)
        stuck.unlink()
        stuck.mkdir()
        done = here("db", "backup", "backups", "--keep", "1", "--db", "sqlite:chat.db")
        assert (done.stdout, done.exit) == ("", 9)
        assert "is made, but older ones could not be removed" in done.stderr
        assert f"{stuck}: " in done.stderr

    @pytest.mark.usefixtures("database", "directory")
    def test_what_makes_no_sense_is_refused(self, here: Here) -> None:
        for target, keep, code in (
            ("chat.db", "3", 2),
            ("-", "3", 2),
            ("backups", "0", 2),
            ("gone/", "3", 3),
            ("nightly.db", "3", 2),
        ):
            done = here("db", "backup", target, "--keep", keep, "--db", "sqlite:chat.db")
            assert (done.stdout, done.exit) == ("", code), (target, keep)
        assert names(here.directory / "backups") == []

    def test_where_nothing_can_be_written(
        self, here: Here, database: Path, directory: Path
    ) -> None:
        with read_only(directory):
            done = here("db", "backup", "backups", "--keep", "1", "--db", "sqlite:chat.db")
        assert done.exit != 0
        assert names(directory) == []
        assert database.exists()
