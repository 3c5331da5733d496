"""What 0003 makes of the cursors: no sync is planned twice, and one that had begun goes on."""

import importlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

syncs = importlib.import_module("chatctl_server.storage.migrations.0003_syncs")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(tmp_path / "chat.db")
    database.executescript(
        """CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER);
        CREATE TABLE endpoint (id INTEGER); CREATE TABLE delivery (first INTEGER, number INTEGER);
        INSERT INTO cursor VALUES ('audit', 9), ('callbacks', 7);"""
    )
    yield database
    database.close()


def migrated(database: sqlite3.Connection) -> tuple[dict[str, int], list[tuple[int, int]]]:
    for statement in syncs.STATEMENTS:
        database.execute(statement)
    cursors = dict(database.execute("SELECT name, position FROM cursor"))
    return cursors, list(database.execute("SELECT id, room FROM sync"))


@pytest.mark.parametrize("cursors", ["", "INSERT INTO cursor VALUES ('callbacks.room', 0)"])
def test_what_is_planned_is_behind_it(database: sqlite3.Connection, cursors: str) -> None:
    database.executescript(cursors)
    assert migrated(database) == ({"audit": 9, "callbacks": 7}, [])


def test_a_sync_that_had_begun_goes_on_with_its_next_room(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO cursor VALUES ('callbacks.room', 12)")
    assert migrated(database) == ({"audit": 9, "callbacks": 8}, [(8, 12)])
