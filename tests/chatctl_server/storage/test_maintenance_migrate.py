"""Making a database, bringing an older one up to date, and leaving others' files alone."""

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from limits import file_size
from lived_in import names, tamper, texts
from offline import Offline, room

from chatctl_server.errors import (
    ChatctlError,
    CheckFailed,
    SchemaMismatch,
    StorageFull,
    StorageUnavailable,
)
from chatctl_server.storage import maintenance
from chatctl_server.storage.maintenance import schemas

SCHEMAS = tuple(sorted(each.stem for each in schemas.MIGRATIONS.glob("0*.py")))
NEXT = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE badge (user_id TEXT PRIMARY KEY, picture BLOB)")
    db.execute_sql("INSERT INTO badge VALUES ('ann', zeroblob({size}))")
    {more}
"""


@pytest.fixture
def upgrade(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a chatctl that knows one migration more."""
    directory = tmp_path_factory.mktemp("newer") / "migrations"
    shutil.copytree(schemas.MIGRATIONS, directory)
    write_next(directory)
    monkeypatch.setattr(schemas, "MIGRATIONS", directory)
    return directory


def write_next(directory: Path, size: int = 10, more: str = "") -> None:
    (directory / "0099_badges.py").write_text(NEXT.format(size=size, more=more))


def test_a_missing_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    dry = maintenance.migrate(path, True)
    assert (dry.migrations, dry.schema, dry.changed) == (SCHEMAS, "", False)
    with file_size(10_000), pytest.raises(StorageFull):
        maintenance.migrate(path, False)
    assert not list(tmp_path.iterdir())
    done = maintenance.migrate(path, False)
    assert (done.created, done.changed, done.schema) == (True, True, SCHEMAS[-1])
    assert (done.migrations, done.backup) == (SCHEMAS, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["chat.db"]
    assert maintenance.check(path) == []


def test_a_second_time_changes_nothing(database: Path) -> None:
    before = database.read_bytes()
    done = maintenance.migrate(database, False)
    assert (done.changed, done.migrations, done.schema) == (False, (), SCHEMAS[-1])
    assert database.read_bytes() == before


def test_an_empty_file_and_an_interrupted_first_start_become_databases(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch(0o644)
    begun = tmp_path / "begun.db"
    maintenance.migrate(begun)
    tables = sqlite3.connect(begun)
    history = tables.execute(
        "SELECT sql FROM sqlite_master WHERE name LIKE 'schema_migration%' ORDER BY type DESC"
    ).fetchall()
    tables.close()
    begun.unlink()
    tamper(begun, *(statement for (statement,) in history if statement))
    for path in (empty, begun):
        maintenance.prepare(path, durable=True)
        assert maintenance.check(path) == []
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_older_file_is_backed_up_and_keeps_what_it_holds(database: Path, upgrade: Path) -> None:
    before = texts(database)
    dry = maintenance.migrate(database, True)
    assert (dry.migrations, dry.changed, dry.backup) == (("0099_badges",), False, None)
    done = maintenance.migrate(database, False)
    backup = database.with_name("chat.db.before-0099_badges")
    assert (done.changed, done.schema, done.backup) == (True, "0099_badges", str(backup))
    assert texts(database) == texts(backup) == before
    assert maintenance.check(database) == maintenance.verify(database) == []
    assert maintenance.info(backup).schema == SCHEMAS[-1]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    maintenance.restore(database, backup)
    (upgrade / "0099_badges.py").unlink()
    assert maintenance.check(database) == []


def test_a_migration_that_fails_changes_nothing(database: Path, upgrade: Path) -> None:
    """Be it in the middle, or because it breaks a reference."""
    for statement, told in (
        ("INSERT INTO nowhere VALUES (1)", "nowhere"),
        ("DELETE FROM conversation WHERE id = 2", "reference"),
    ):
        write_next(upgrade, more=f"db.execute_sql('{statement}')")
        with pytest.raises(StorageUnavailable, match=told):
            maintenance.migrate(database, False)
    (upgrade / "0099_badges.py").unlink()
    assert maintenance.check(database) == maintenance.verify(database) == []


def test_a_full_disk_leaves_the_older_file_usable(database: Path, upgrade: Path) -> None:
    write_next(upgrade, size=4_000_000)
    with file_size(1_000_000), pytest.raises(StorageFull):
        maintenance.migrate(database, False)
    (upgrade / "0099_badges.py").unlink()
    assert maintenance.check(database) == maintenance.verify(database) == []
    scene = Offline(database, now=1_800_000_000_000_000)
    scene.post(room(1), "dave", "still here")
    scene.close()
    assert texts(database)[-1] == "still here"


def test_failing_again_reuses_the_backup_until_something_happens(
    database: Path, upgrade: Path
) -> None:
    fail = "db.execute_sql('INSERT INTO nowhere VALUES (1)')"
    write_next(upgrade, more=fail)

    def backups() -> list[str]:
        with pytest.raises(ChatctlError):
            maintenance.migrate(database, False)
        return [name for name in names(database.parent) if not name.endswith(".json")]

    first = "chat.db.before-0099_badges"
    assert backups() == backups() == ["chat.db", first]
    before = database.with_name(first).read_bytes()
    (upgrade / "0099_badges.py").unlink()
    scene = Offline(database, now=1_800_000_000_000_000)
    scene.post(room(1), "dave", "meanwhile")
    scene.close()
    write_next(upgrade, more=fail)
    assert backups() == backups() == ["chat.db", first, f"{first}-2"]
    assert database.with_name(first).read_bytes() == before
    assert texts(database.with_name(f"{first}-2"))[-1] == "meanwhile"


def test_a_file_that_lies_under_the_backups_name_is_not_overwritten(
    database: Path, upgrade: Path
) -> None:
    other = database.with_name("chat.db.before-0099_badges")
    other.write_text("my notes")
    done = maintenance.migrate(database, False)
    assert done.backup == f"{other}-2"
    assert other.read_text() == "my notes"


def test_a_newer_file_is_refused_and_left_alone(database: Path) -> None:
    tamper(database, "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')")
    before = database.read_bytes()
    with pytest.raises(SchemaMismatch, match="0999_later"):
        maintenance.migrate(database, False)
    with pytest.raises(SchemaMismatch, match="0999_later"):
        maintenance.prepare(database, durable=True)
    assert database.read_bytes() == before


HISTORY = "CREATE TABLE schema_migration (id INTEGER PRIMARY KEY, name TEXT, applied TEXT)"
BASELINE = "INSERT INTO schema_migration VALUES (1, '0001_baseline', '2020-01-01')"
OURS = (
    "CREATE TABLE conversation (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE event (id INTEGER PRIMARY KEY, payload TEXT)",
    HISTORY,
)
INVOICE = "CREATE TABLE invoice (id INTEGER PRIMARY KEY)"
OF_OTHERS = {
    "plain": (INVOICE, "INSERT INTO invoice VALUES (7)"),
    "of Peewee": (INVOICE, HISTORY, BASELINE),
    "with a history of its own": (
        "CREATE TABLE schema_migration (name)",
        "CREATE TABLE conversation (id)",
        "CREATE TABLE event (id)",
    ),
    "with a write-ahead log": ("PRAGMA journal_mode = wal", INVOICE),
}
# As versions before the first release left them: a history, and tables of the names that are ours.
OF_DEVELOPMENT = {
    "early": (*OURS, "INSERT INTO schema_migration VALUES (1, '0001_initial', '2026-01-01')"),
    "before the baseline was whole": (*OURS, BASELINE),
}
USES: list[Callable[[Path], object]] = [
    lambda path: maintenance.prepare(path, durable=True),
    lambda path: maintenance.migrate(path, False),
    lambda path: maintenance.migrate(path, True),
    maintenance.info,
    maintenance.check_schema,
]
CHECKS: list[Callable[[Path], object]] = [maintenance.check, maintenance.verify]


def restore_from(path: Path) -> None:
    maintenance.restore(path.with_name("other.db"), path)


def left_alone(
    path: Path, error: type[ChatctlError], sentence: str, *also: Callable[[Path], object]
) -> list[str | None]:
    """Whatever is tried is refused so, with these hints."""
    path.chmod(0o640)
    before, hints = path.read_bytes(), []
    for attempt in (*USES, *also):
        with pytest.raises(error, match=sentence) as refused:
            attempt(path)
        hints.append(refused.value.hint)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    return hints


def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "diary.db"
    text.write_text("dear diary " * 1000)
    left_alone(text, CheckFailed, r"is not a SQLite database")
    for name, statements in OF_OTHERS.items():
        path = tmp_path / f"{name}.db"
        tamper(path, *statements)
        left_alone(path, StorageUnavailable, "is a database of another program", *CHECKS)


def test_a_file_of_a_development_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    sentence = (
        "chat.db was made by a development version of chatctl, whose files are not taken over"
    )
    for statements in OF_DEVELOPMENT.values():
        tamper(path, *statements)
        hints = left_alone(path, SchemaMismatch, sentence, *CHECKS, restore_from)
        assert set(hints) == {"use a new file"}
        assert names(tmp_path) == ["chat.db"]
        path.unlink()
