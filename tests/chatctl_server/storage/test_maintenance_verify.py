"""``verify`` replays the log and finds every value of the core tables that it does not tell."""

import shutil
import tempfile
from pathlib import Path

import apsw
import pytest
from limits import file_size
from lived_in import names, tamper

from chatctl_server.errors import StorageFull
from chatctl_server.storage import maintenance, models
from chatctl_server.storage.maintenance import schemas

# When the default workspace was made is in no event; that it was not changed before then is told.
TOLD_BY = {("workspace", "created_at"): "updated_at"}


def test_a_database_that_was_lived_in_is_what_its_log_tells(
    database: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the scratch database is gone without a trace."""
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("SQLITE_TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = database.read_bytes()
    assert maintenance.verify(database) == []
    assert database.read_bytes() == before
    assert names(scratch) == []


def change_one_value(path: Path, table: str, column: str, keys: list[str]) -> None:
    connection = apsw.Connection(str(path))
    where = " AND ".join(f"{key} = ?" for key in keys)
    key_list = ", ".join(keys)
    row = next(connection.execute(f"SELECT {key_list} FROM {table} ORDER BY {key_list} DESC"))
    (kind,) = {
        kind
        for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")
        if name == column
    }
    value = f"coalesce({column}, 0) + 1000" if kind == "INTEGER" else "'tampered'"
    connection.pragma("ignore_check_constraints", 1)
    connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}", row).fetchall()
    assert connection.changes() == 1
    connection.close()


def test_one_changed_value_is_found(lived_in_file: Path, tmp_path: Path) -> None:
    """In each column; those of different tables are changed together."""
    path = tmp_path / "chat.db"
    tables = {
        model._meta.table_name: [field.column_name for field in model._meta.sorted_fields]
        for model in models.CORE
    }
    keys = {
        model._meta.table_name: [field.column_name for field in model._meta.get_primary_keys()]
        for model in models.CORE
    }
    for place in range(max(map(len, tables.values()))):
        shutil.copy(lived_in_file, path)
        expected: set[tuple[str, str, str | None]] = set()
        for table, columns in tables.items():
            if place >= len(columns):
                continue
            change_one_value(path, table, columns[place], keys[table])
            if columns[place] in keys[table]:
                expected |= {(table, "extra", None), (table, "missing", None)}
            else:
                told_by = TOLD_BY.get((table, columns[place]), columns[place])
                expected.add((table, "differs", told_by))
        found = maintenance.verify(path)
        assert {
            (each.table, each.kind, each.column if each.kind == "differs" else None)
            for each in found
        } == expected


def test_a_difference_says_where_and_what(database: Path) -> None:
    tamper(database, "UPDATE message SET content = 'goodbye' WHERE id = 1")
    (found,) = maintenance.verify(database)
    assert found == maintenance.Difference(
        "message", "differs", "id 1", "content", "goodbye", "hello"
    )
    assert str(found) == "message id 1: content is 'goodbye', after the log 'hello'"
    tamper(
        database,
        "UPDATE message SET content = CAST('hello' AS BLOB) WHERE id = 1",  # another type
        "DELETE FROM mute",
    )
    differs, missing = maintenance.verify(database)
    assert differs.column == "content"
    assert str(missing) == "mute scope 1, conversation 1, user_id bob: is missing, the log has it"


def test_a_missing_event_is_found(lived_in_file: Path, tmp_path: Path) -> None:
    for type_name, tables in {
        "message.posted": {
            *("message", "conversation", "message_edit", "mention", "file_use"),
            *("support", "support_message", "envelope"),
        },
        "ban.set": {"ban"},
        "mute.set": {"mute"},
        "session.left": {"room_session", "room_stats"},
        "room.admins_set": {"participant"},
        "room.renamed": {"conversation"},
        "message.erased": {"message"},
        "message.edited": {"message", "message_edit", "envelope"},
        "site.created": {"site", "support", "envelope"},
        "support.closed": {"conversation", "support", "envelope"},
        "support.labelled": {"support", "envelope"},
        "account.changed": {"account"},
        "workspace.member_joined": {"account", "workspace_member"},
    }.items():
        path = tmp_path / f"{type_name}.db"
        shutil.copy(lived_in_file, path)
        tamper(path, f"DELETE FROM event WHERE type = '{type_name}'")
        found = {each.table for each in maintenance.verify(path)}
        assert set() < found <= tables, type_name


def test_an_unreadable_event_does_not_hide_the_others(database: Path) -> None:
    tamper(
        database,
        "UPDATE event SET payload = '{' WHERE id = 2",
        "UPDATE event SET payload = '{}' WHERE id = 3",
        "UPDATE message SET content = 'goodbye' WHERE id = 7",
    )
    found = maintenance.verify(database)
    assert [each.key for each in found if each.kind == "unreadable"] == ["id 2", "id 3"]
    assert "message id 7: content is 'goodbye', after the log 'thank you'" in map(str, found)


def test_events_that_contradict_each_other_are_found(database: Path) -> None:
    """Two posts with one message id, among neighbours that were applied together."""
    tamper(
        database,
        "UPDATE event SET payload = json_set(payload, '$.message_id', 1) "
        "WHERE id = (SELECT event_offset FROM message WHERE id = 2)",
    )
    found = maintenance.verify(database)
    assert [each.kind for each in found] == ["unreadable", "extra"]
    assert "message.id" in str(found[0])


def test_many_rows_that_the_log_does_not_have_are_found_and_cut_with_a_word(database: Path) -> None:
    tamper(
        database,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
        "INSERT INTO ban SELECT 1, 1, 'user-' || i, NULL, NULL, 1, NULL FROM n",
    )
    found = maintenance.verify(database)
    assert len(found) == 21
    assert str(found[-1]) == "ban: there are more; only the first 20 are shown"
    names = ("\ue000", "\U0001f600", "é", "z")  # they are compared in SQLite's order
    rows = [f"INSERT INTO ban VALUES (1, 1, '{each}', NULL, NULL, 1, NULL)" for each in names]
    tamper(database, "DELETE FROM ban WHERE user_id LIKE 'user-%'", *rows)
    assert [each.kind for each in maintenance.verify(database)] == ["extra"] * 4


def test_no_room_for_the_scratch_database_is_said(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        schemas, "SCRATCH_CACHE_KIB", 1
    )  # so that even a small one goes to the disk
    with file_size(10_000), pytest.raises(StorageFull, match="temporary database"):
        maintenance.verify(database)
