"""Statements over many rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database

from chatctl_server.storage import maintenance, sql
from chatctl_server.storage.models import CursorTable
from chatctl_server.storage.sql import Bulk

INSERT = Bulk.insert(CursorTable.name, CursorTable.position)
IGNORE = Bulk.insert(CursorTable.name, CursorTable.position, ignore=True)
SUM = Bulk("SELECT SUM(column2) FROM (VALUES {rows})", 2)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    made = sql.writing(tmp_path / "chat.db", durable=False)
    made.connect()
    yield made
    made.close()


def positions(db: Database) -> list[int]:
    found = db.execute_sql("SELECT position FROM cursor WHERE name LIKE 'row %' ORDER BY rowid")
    return [row[0] for row in found]


@pytest.mark.parametrize("size", [0, 1, 3, 63, 64, 65, 200])
def test_all_rows_are_there_once_and_in_their_order(db: Database, size: int) -> None:
    rows = [(f"row {number}", number) for number in range(size)]
    INSERT.run(db, rows)
    assert positions(db) == list(range(size))
    assert sum(value or 0 for value in SUM.values(db, rows)) == sum(range(size))


def test_a_row_that_is_there_already_is_ignored_where_that_is_asked_for(db: Database) -> None:
    IGNORE.run(db, [("row a", 1)])
    IGNORE.run(db, [("row b", 2), ("row a", 3)])
    assert positions(db) == [1, 2]


def test_as_many_rows_as_can_be_go_in_one_step(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is a wait for Python's lock."""
    steps: list[str] = []
    execute = db.execute_sql

    def counted(text: str, parameters: tuple[object, ...]) -> object:
        steps.append(text)
        return execute(text, parameters)

    monkeypatch.setattr(db, "execute_sql", counted)
    INSERT.run(db, [(f"row {number}", number) for number in range(100)])
    assert len(steps) == 3, "64, 32 and 4"
