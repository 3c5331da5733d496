"""Restoring: the content is the backup's, the earlier file is kept, and no kill loses either."""

import json
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest
from limits import file_size
from lived_in import flip_bytes, names, tamper, texts
from offline import Offline, room

from chatctl_server.errors import (
    CheckFailed,
    Conflict,
    LockHeld,
    SchemaMismatch,
    StorageFull,
    StorageUnavailable,
)
from chatctl_server.storage import maintenance
from chatctl_server.storage.maintenance import restoration

YEAR_LATER = 1_800_000_000_000_000
ROOT = Path(__file__).parents[3]


@pytest.fixture
def backup(database: Path, tmp_path: Path) -> Path:
    target = tmp_path / "nightly.db"
    maintenance.backup(database, target)
    return target


def go_on(path: Path, *said: str) -> None:
    scene = Offline(path, now=YEAR_LATER)
    for text in said:
        scene.post(room(1), "dave", text)
    scene.close()


def without_closing(path: Path, text: str) -> None:
    """Says it, and is killed: the text is in the write-ahead log only."""
    script = (
        "import os, sys; from pathlib import Path; from offline import Offline, room; "
        f"scene = Offline(Path(sys.argv[1]), now={YEAR_LATER}); "
        "scene.post(room(1), 'dave', sys.argv[2]); os._exit(0)"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(path), text],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        check=True,
    )
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def test_the_backups_content_is_there_and_the_earlier_file_is_kept(
    database: Path, backup: Path
) -> None:
    before = texts(database)
    go_on(database, "later")
    done = maintenance.restore(database, backup)
    expected = (True, "0003_support_desk", backup.stat().st_size)
    assert (done.changed, done.schema, done.bytes) == expected
    assert done.last_offset == maintenance.info(database).last_offset
    assert texts(database) == before
    assert done.replaced is not None
    assert Path(done.replaced).name.startswith("chat.db.replaced-")
    assert texts(Path(done.replaced)) == [*before, "later"]
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert maintenance.check(database) == maintenance.verify(database) == []
    go_on(database, "and on it goes")
    assert texts(database) == [*before, "and on it goes"]
    assert texts(backup) == before
    maintenance.restore(database, Path(done.replaced))
    assert texts(database) == [*before, "later"]


def test_a_write_ahead_log_left_by_a_crash_does_not_undo_it(database: Path, backup: Path) -> None:
    before = texts(database)
    without_closing(database, "only in the log")
    done = maintenance.restore(database, backup)
    assert texts(database) == before
    go_on(database, "and on it goes")
    assert texts(database) == [*before, "and on it goes"]
    assert maintenance.check(database) == maintenance.verify(database) == []
    assert done.replaced is not None
    assert texts(Path(done.replaced)) == [*before, "only in the log"]


def test_over_a_damaged_database_its_pieces_are_kept(database: Path, backup: Path) -> None:
    before = texts(database)
    without_closing(database, "only in the log")
    database.write_bytes(b"scribbled over" + database.read_bytes()[14:])
    pieces = database.read_bytes(), database.with_name("chat.db-wal").read_bytes()
    done = maintenance.restore(database, backup)
    assert done.replaced is not None
    kept = Path(done.replaced)
    assert (kept.read_bytes(), kept.with_name(kept.name + "-wal").read_bytes()) == pieces
    assert not database.with_name("chat.db-wal").exists()
    go_on(database, "and on it goes")
    assert texts(database) == [*before, "and on it goes"]


def test_a_missing_database_is_made_and_a_log_without_it_is_put_aside(
    database: Path, backup: Path
) -> None:
    before = texts(database)
    without_closing(database, "only in the log")
    database.unlink()
    done = maintenance.restore(database, backup)
    assert done.replaced is None
    assert texts(database) == before
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert [name for name in names(database.parent) if name.endswith("-wal")] != []
    assert not database.with_name("chat.db-wal").exists()


def test_a_file_copied_by_hand_is_restored_with_its_log(
    database: Path, backup: Path, tmp_path: Path
) -> None:
    """A log beside a backup is not its own."""
    before = texts(database)
    original = tmp_path / "other" / "chat.db"
    original.parent.mkdir()
    shutil.copy(database, original)
    without_closing(original, "only in the log")
    shutil.copy(f"{original}-wal", f"{backup}-wal")
    maintenance.restore(database, original)
    assert texts(database) == [*before, "only in the log"]
    maintenance.restore(database, backup)
    assert texts(database) == before


def refused(database: Path, source: Path, error: type[Exception], sentence: str) -> None:
    before, listing = database.read_bytes(), names(database.parent)
    with pytest.raises(error, match=sentence):
        maintenance.restore(database, source)
    assert database.read_bytes() == before
    assert names(database.parent) == listing


def test_a_damaged_backup_is_refused_with_its_manifest_and_without(
    database: Path, backup: Path
) -> None:
    sound = backup.read_bytes()
    tamper(backup, "UPDATE message SET content = 'forged' WHERE id = 1")
    refused(database, backup, CheckFailed, "SHA-256 differs")
    for text in ("{", '{"sha256": 7}'):
        backup.with_name("nightly.db.json").write_text(text)
        refused(database, backup, CheckFailed, "is no manifest")
    backup.with_name("nightly.db.json").unlink()
    for damage, error, sentence in (
        ("DROP TABLE message", CheckFailed, "problems"),
        ("DROP TABLE endpoint", CheckFailed, "problems"),
        ("DELETE FROM event WHERE id = 5", CheckFailed, "problems"),
        ("INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')",
         SchemaMismatch, "0999_later"),
    ):  # fmt: skip
        backup.write_bytes(sound)
        tamper(backup, damage)
        refused(database, backup, error, sentence)
    backup.write_bytes(sound)
    flip_bytes(backup, 5 * 4096)
    refused(database, backup, CheckFailed, "problems")


def test_a_damaged_header_is_damage(database: Path, backup: Path) -> None:
    """Of every field that SQLite does not merely put up with; 18 it mends."""
    backup.with_name("nightly.db.json").unlink()
    sound = backup.read_bytes()
    for place in (0, 16, 20, 28, 47, 52, 59, 18):
        content = bytearray(sound)
        content[place] ^= 0xFF
        backup.write_bytes(content)
        if place == 18:
            assert maintenance.restore(database, backup).manifest is None
        else:
            refused(database, backup, CheckFailed, "damaged|problems")


def test_what_is_no_database_of_ours_is_refused(database: Path, tmp_path: Path) -> None:
    for number, (content, sentence) in enumerate(
        [(b"dear diary " * 1000, "not a SQLite database"), (b"", "empty database")]
    ):
        source = tmp_path / f"{number}.db"
        source.write_bytes(content)
        refused(database, source, CheckFailed, sentence)
    refused(database, tmp_path / "nowhere.db", StorageUnavailable, "no database")
    refused(database, database, Conflict, "itself")


def test_a_full_disk_changes_nothing(database: Path, backup: Path) -> None:
    go_on(database, "later")
    with file_size(50_000):
        refused(database, backup, StorageFull, "no room")
    assert maintenance.check(database) == []


def test_whoever_reads_the_database_is_waited_for_and_not_robbed(
    database: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(database)
    go_on(database, "later")
    reader = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("SELECT count(*) FROM message").fetchall()
    with monkeypatch.context() as impatient:
        impatient.setattr(restoration, "PATIENCE_SECONDS", 0.1)
        refused(database, backup, LockHeld, "in use by another program")
    assert texts(database)[-1] == "later"
    closing = threading.Timer(0.2, reader.close)
    closing.start()
    maintenance.restore(database, backup)
    closing.join()
    assert texts(database) == before


# Restores in a child for each number, which is killed at its event of that number: before it
# links, renames or removes a file, or opens one. The directory it leaves is kept for the test.
KILL_AT_EACH_STEP = """
import json, os, shutil, signal, sys
from pathlib import Path
from chatctl_server.storage import maintenance

scene, outcome = Path(sys.argv[1]), Path(sys.argv[2])
steps = ("os.link", "os.rename", "os.remove", "os.chmod", "os.chown", "open")
killed = []

def restore(directory, number):
    seen = 0
    def at_step(event, arguments):
        nonlocal seen
        if event in steps and str(directory) in str(arguments[0]):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(at_step)
    maintenance.restore(directory / "chat.db", directory / "nightly.db")

number = 0
while True:
    number += 1
    directory = outcome / str(number)
    shutil.copytree(scene, directory)
    child = os.fork()
    if child == 0:
        restore(directory, number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert status == 0, status
        break
print(number - 1)
"""


def killed_at_each_step(scene: Path, outcome: Path) -> list[Path]:
    """The directories that the killed restores have left, in the order of the steps."""
    ran = subprocess.run(
        [sys.executable, "-c", KILL_AT_EACH_STEP, str(scene), str(outcome)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [outcome / str(number + 1) for number in range(json.loads(ran.stdout))]


def test_a_kill_at_any_step_leaves_the_old_or_the_new_database_whole(
    database: Path, backup: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = [*texts(backup), "only in the log"]
    without_closing(database, "only in the log")
    found = []
    for left in killed_at_each_step(database.parent, tmp_path_factory.mktemp("outcome")):
        path = left / "chat.db"
        assert maintenance.check(path) == maintenance.verify(path) == [], left.name
        found.append("old" if texts(path) == old else "new")
        assert texts(path) in (old, texts(backup)), left.name
        kept = list(left.glob("chat.db.replaced-*"))
        assert found[-1] == "old" or [texts(each) for each in kept] == [old], left.name
        maintenance.restore(path, left / "nightly.db")
        assert texts(path) == texts(backup), left.name
        assert not (left / "chat.db.restoring").exists()
    assert found == sorted(found, key=["old", "new"].index)
    assert {"old", "new"} == set(found)


def test_a_kill_never_joins_the_new_database_with_a_log_of_the_old(
    database: Path, backup: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    without_closing(database, "only in the log")
    database.unlink()
    found = set()
    for left in killed_at_each_step(database.parent, tmp_path_factory.mktemp("outcome")):
        path = left / "chat.db"
        found.add(path.exists())
        assert not path.exists() or texts(path) == texts(backup), left.name
        assert len(list(left.glob("chat.db*-wal"))) == 1, left.name
    assert found == {True, False}
