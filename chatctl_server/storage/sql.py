"""Connections, and SQL as text with named parameters. What is SQLite's own is in here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import apsw
from peewee import Database
from playhouse.apsw_ext import APSWDatabase as _APSWDatabase

from chatctl_server import errors

__all__ = ["Bulk", "Database", "Query", "Row", "Value"]  # Database: what queries are asked of
Row = tuple[Any, ...]
Value = str | int | float | bytes | None
# The system caches the file; with 64 MiB a post cost the writer a fifth more CPU.
WRITER_CACHE_KIB = 8 * 1024
READER_CACHE_KIB = 2 * 1024
CHECKPOINT_PAGES = 16_000
BULK_SIZES = (64, 32, 16, 8, 4, 2, 1)  # rows of one step; each is a prepared statement
STATEMENTS = 512  # kept prepared by each connection; APSW's 100 would be made anew in turn


def _execute(
    db: Database, text: str, parameters: Mapping[str, Value] | Sequence[Value]
) -> apsw.Cursor:
    """Without Peewee's cursor, log and translation of errors, which cost as much as a small
    statement; ``sqlite_error`` finds APSW's errors either way."""
    return db.connection().execute(text, parameters)  # type: ignore[no-any-return]


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
        return _execute(db, self.text, parameters).fetchall()

    def each(self, db: Database, **parameters: Value) -> Iterable[Row]:
        """The rows as they are asked for."""
        return _execute(db, self.text, parameters)

    def row(self, db: Database, **parameters: Value) -> Row | None:
        return _execute(db, self.text, parameters).fetchone()

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


class APSWDatabase(_APSWDatabase):  # type: ignore[misc]  # Peewee has no types
    def _connect(self) -> apsw.Connection:
        connection: apsw.Connection = super()._connect()
        # The migration runner stores datetimes, which APSW does not adapt by itself.
        connection.convert_binding = lambda cursor, number, value: str(value)
        return connection

    def _add_conn_hooks(self, conn: apsw.Connection) -> None:
        """The first pragmas need the ``-shm`` file; when they fail, Peewee closes the connection
        and the system's number is lost."""
        with full_told(conn):
            super()._add_conn_hooks(conn)


def writing(path: Path, *, durable: bool, create: bool = False) -> Database:
    """The one writing connection. Not durable: an in-memory server's database."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    pragmas = {
        "journal_mode": "wal",
        "synchronous": "full" if durable else "off",
        "wal_autocheckpoint": CHECKPOINT_PAGES,
        "journal_size_limit": 64 * 1024 * 1024,
        "secure_delete": 1,  # what is freed is zeroed: no page keeps an erased text
    }
    return _database(path, flags, {**pragmas, "cache_size": -WRITER_CACHE_KIB})


def reading(path: Path) -> Database:
    """A database whose connections, one a thread, cannot write."""
    return _database(
        path, apsw.SQLITE_OPEN_READONLY, {"query_only": 1, "cache_size": -READER_CACHE_KIB}
    )


def _database(path: Path, flags: int, pragmas: dict[str, Any]) -> Database:
    common = {"foreign_keys": 1, "temp_store": "memory"}
    return APSWDatabase(
        str(path),
        pragmas={"busy_timeout": 5000, **pragmas, **common},
        lock_type="IMMEDIATE",
        flags=flags | apsw.SQLITE_OPEN_URI,
        statementcachesize=STATEMENTS,
    )


def in_transaction(db: Database) -> bool:
    return bool(db.connection().in_transaction)


def sqlite_error(error: BaseException) -> apsw.Error | None:
    """The SQLite error behind Peewee's, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, apsw.Error):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def is_full(error: BaseException, connection: apsw.Connection) -> bool:
    """Whether there was no room; asked before the connection does anything else.

    SQLite says "full" of ENOSPC in some places only, and "I/O error" of it in the others, of a
    quota and of a limit of the process. The system's own number tells them apart.
    """
    cause = sqlite_error(error)
    if isinstance(cause, apsw.IOError):
        return connection.system_errno in errors.NO_ROOM
    return isinstance(cause, apsw.FullError)


@contextmanager
def full_told(connection: apsw.Connection) -> Iterator[None]:
    """Raises FullError for every failure that ``is_full``."""
    try:
        yield
    except Exception as error:
        if not is_full(error, connection):
            raise
        raise apsw.FullError(str(error)) from error


def schema_name(db: Database) -> str:
    """The newest migration that the database has had; empty for none."""
    rows = db.execute_sql("SELECT name FROM schema_migration ORDER BY name DESC LIMIT 1").fetchall()
    return rows[0][0] if rows else ""
