"""Statements over many rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database

from chatctl_server.storage import engine, maintenance
from chatctl_server.storage.sql import Bulk

INSERT = Bulk("INSERT INTO cursor ({columns}) VALUES {rows}", "name, position")
IGNORE = Bulk("INSERT OR IGNORE INTO cursor ({columns}) VALUES {rows}", "name, position")
SUM = Bulk("SELECT sum(column2) FROM (VALUES {rows})", "name, position")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    made = engine.writing(tmp_path / "chat.db", durable=False)
    made.connect()
    yield made
    made.close()


def positions(db: Database) -> list[int]:
    found = db.execute_sql("SELECT position FROM cursor WHERE name LIKE 'row %' ORDER BY rowid")
    return [row[0] for row in found]


def test_all_rows_are_there_once_and_in_their_order(db: Database) -> None:
    for size in (0, 1, 3, 63, 64, 65, 200):
        rows = [(f"row {number}", number) for number in range(size)]
        INSERT.run(db, rows)
        assert positions(db) == list(range(size))
        assert sum(value or 0 for value in SUM.values(db, rows)) == sum(range(size))
        db.execute_sql("DELETE FROM cursor WHERE name LIKE 'row %'")


def test_a_row_that_is_there_already_is_ignored_where_that_is_asked_for(db: Database) -> None:
    IGNORE.run(db, [("row a", 1)])
    IGNORE.run(db, [("row b", 2), ("row a", 3)])
    assert positions(db) == [1, 2]


def test_as_many_rows_as_can_be_go_in_one_step(db: Database) -> None:
    """Each step is a wait for Python's lock."""
    steps: list[str] = []

    def count(_cursor: object, statement: str, _bindings: object) -> bool:
        steps.append(statement)
        return True

    db.connection().exec_trace = count
    INSERT.run(db, [(f"row {number}", number) for number in range(100)])
    assert len(steps) == 3, "64, 32 and 4"
