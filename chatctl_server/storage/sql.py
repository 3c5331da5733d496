"""SQL as text with named parameters, and statements over many rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from peewee import Database

__all__ = ["Bulk", "Database", "Query", "Row", "Value"]  # Database: what queries are asked of
Row = tuple[Any, ...]
Value = str | int | float | bytes | None
BULK_SIZES = (64, 32, 16, 8, 4, 2, 1)  # rows of one step; each is a prepared statement


def _execute(db: Database, text: str, parameters: Mapping[str, Value] | Sequence[Value]) -> Any:
    """Without Peewee's cursor, log and translation of errors, which cost as much as a small
    statement; ``engine.error_of`` finds the engine's errors either way."""
    return db.connection().execute(text, parameters)


class Query:
    """SQL text with named parameters (``:conversation``), each given by its name at every call.

    The text stands beside the function that asks it, with its constants in it. SQLite prepares it
    once per connection; a name that is not given is an error.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, db: Database, **parameters: Value) -> None:
        _execute(db, self.text, parameters)

    def rows(self, db: Database, **parameters: Value) -> list[Row]:
        return _execute(db, self.text, parameters).fetchall()  # type: ignore[no-any-return]

    def each(self, db: Database, **parameters: Value) -> Iterable[Row]:
        """The rows as they are asked for."""
        return _execute(db, self.text, parameters)  # type: ignore[no-any-return]

    def row(self, db: Database, **parameters: Value) -> Row | None:
        return _execute(db, self.text, parameters).fetchone()  # type: ignore[no-any-return]

    def value(self, db: Database, **parameters: Value) -> Any:
        """The first column of the first row; None for no row."""
        found = self.row(db, **parameters)
        return found[0] if found else None


class Bulk:
    """A statement over many rows: ``{rows}`` in its text becomes ``(?, ?), (?, ?), …``.

    APSW lets go of Python's lock at each step of a statement, and gets it back when whoever took
    it gives it up: with a statement for each row the writer of a busy server mostly waits. The
    values of a row stand in the order of ``columns``, which the text names as ``{columns}``.
    """

    __slots__ = ("_texts",)

    def __init__(self, text: str, columns: str) -> None:
        row = f"({', '.join('?' for _ in columns.split(','))})"
        text = text.replace("{columns}", columns)
        self._texts = [text.replace("{rows}", ", ".join([row] * size)) for size in BULK_SIZES]

    def run(self, db: Database, rows: Sequence[Sequence[Value]]) -> None:
        """In their order, in as few steps as there are ones in the binary form of their number,
        as long as they are few."""
        for text, parameters in self._parts(rows):
            _execute(db, text, parameters)

    def values(self, db: Database, rows: Sequence[Sequence[Value]]) -> list[Any]:
        """The one value that the statement answers with, from each step."""
        return [next(_execute(db, *part))[0] for part in self._parts(rows)]

    def _parts(self, rows: Sequence[Sequence[Value]]) -> Iterator[tuple[str, Sequence[Value]]]:
        if len(rows) == 1:
            yield self._texts[-1], rows[0]
            return
        done = 0
        for text, size in zip(self._texts, BULK_SIZES, strict=True):
            while len(rows) - done >= size:
                yield text, tuple(chain.from_iterable(rows[done : done + size]))
                done += size


def schema_name(db: Database) -> str:
    """The newest migration that the database has had; empty for none."""
    rows = db.execute_sql("SELECT name FROM schema_migration ORDER BY name DESC LIMIT 1").fetchall()
    return rows[0][0] if rows else ""
