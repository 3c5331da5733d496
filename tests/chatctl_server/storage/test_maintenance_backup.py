"""Backups are whole, single, verified files; a refused one leaves nothing behind."""

import hashlib
import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from limits import file_size, read_only
from lived_in import flip_bytes, names, smuggle, tamper, texts
from offline import Offline, room
from world import PATIENCE_SECONDS

from chatctl_server.errors import CheckFailed, Conflict, NotFound, StorageFull, StorageUnavailable
from chatctl_server.storage import maintenance


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "backups"
    directory.mkdir()
    return directory / "nightly.db"


def test_a_backup_is_one_private_file_that_its_manifest_describes(
    database: Path, target: Path
) -> None:
    made = maintenance.backup(database, target)
    content = target.read_bytes()
    assert names(target.parent) == ["nightly.db", "nightly.db.json"]
    assert content[18:20] == b"\1\1"  # the header asks for no write-ahead log
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.with_name("nightly.db.json").stat().st_mode) == 0o600
    manifest = json.loads(target.with_name("nightly.db.json").read_text())
    assert manifest == {
        "database": str(database),
        "created_at": made.created_at,
        "version": "0.1.0",
        "schema": "0003_support_desk",
        "last_offset": maintenance.info(database).last_offset,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert made.backup == str(target)
    assert texts(target) == texts(database)
    assert maintenance.verify(target) == []
    assert names(target.parent) == ["nightly.db", "nightly.db.json"]


def test_while_a_writer_goes_on_each_backup_is_one_moment(tmp_path: Path, target: Path) -> None:
    scene = Offline(tmp_path / "chat.db")
    scene.create_room("lobby")
    scene.post(room(1), "ann", "hello")
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        # A connection belongs to its thread.
        writer = Offline(scene.path)
        while not stop.is_set():
            writer.post(room(1), "ann", "hello " * 100)
            wrote.set()
        writer.close()

    def backup(number: int) -> int:
        """Something was written since the one before it."""
        assert wrote.wait(PATIENCE_SECONDS)
        made = maintenance.backup(scene.path, target.with_name(f"{number}.db"))
        wrote.clear()
        return made.last_offset

    thread = threading.Thread(target=write)
    thread.start()
    try:
        offsets = [backup(number) for number in range(5)]
        assert maintenance.check(scene.path) == maintenance.verify(scene.path) == []
    finally:
        stop.set()
        thread.join()
    assert offsets == sorted(set(offsets))
    for number in range(5):
        assert maintenance.verify(target.with_name(f"{number}.db")) == []
    scene.close()


def test_what_is_there_is_not_overwritten(database: Path, target: Path) -> None:
    """Be it a link to nowhere, or the database itself; and no directory is made."""
    before = database.read_bytes()
    for name in ("nightly.db", "nightly.db.json"):
        target.with_name(name).write_text("precious")
        with pytest.raises(Conflict, match=f"{name} exists"):
            maintenance.backup(database, target)
        assert target.with_name(name).read_text() == "precious"
        assert names(target.parent) == [name]
        target.with_name(name).unlink()
    target.symlink_to(target.parent / "nowhere")
    for there in (target, database):
        with pytest.raises(Conflict):
            maintenance.backup(database, there)
    with pytest.raises(NotFound, match="no directory"):
        maintenance.backup(database, target.parent / "nowhere" / "nightly.db")
    assert database.read_bytes() == before


def test_a_full_disk_leaves_nothing(database: Path, target: Path) -> None:
    for limit in (0, 10_000, 70_000):
        assert database.stat().st_size > limit
        with file_size(limit), pytest.raises(StorageFull, match=rf"no room to write {target}"):
            maintenance.backup(database, target)
        assert names(target.parent) == []
    maintenance.backup(database, target)
    assert maintenance.check(target) == []


def test_a_directory_that_is_not_writable_is_refused(database: Path, target: Path) -> None:
    with read_only(target.parent), pytest.raises(StorageUnavailable, match="not for this user"):
        maintenance.backup(database, target)
    assert names(target.parent) == []


def test_a_newer_database_where_nothing_can_be_written_is_backed_up_as_it_is(
    database: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tamper(database, "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')")
    target = tmp_path_factory.mktemp("elsewhere") / "nightly.db"
    with read_only(database.parent):
        assert maintenance.backup(database, target).schema == "0999_later"
    assert texts(target) == texts(database)


def test_a_database_that_is_not_sound_gives_no_backup(database: Path, target: Path) -> None:
    sound = database.read_bytes()
    spoils: list[tuple[Callable[[Path], object], type[Exception], str]] = [
        (lambda path: flip_bytes(path, 5 * 4096), CheckFailed, "problems"),
        (lambda path: smuggle(path, 1, "eve"), CheckFailed, "banned its sender"),
        (lambda path: path.write_bytes(b""), StorageUnavailable, r"chat\.db is an empty database"),
    ]
    for spoil, error, sentence in spoils:
        database.write_bytes(sound)
        spoil(database)
        with pytest.raises(error, match=sentence):
            maintenance.backup(database, target)
        assert names(target.parent) == []
