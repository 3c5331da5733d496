"""What is SQLite's own: connections, checkpoints, and what its errors mean.

Nothing else that the server runs with knows APSW; ``files`` and ``maintenance`` work on the
database file itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
from peewee import Database
from playhouse.apsw_ext import APSWDatabase as _APSWDatabase

from chatctl_server import errors

# The system caches the file; with 64 MiB a post cost the writer a fifth more CPU.
WRITER_CACHE_KIB = 8 * 1024
READER_CACHE_KIB = 2 * 1024
CHECKPOINT_PAGES = 16_000
STATEMENTS = 512  # kept prepared by each connection; APSW's 100 would be made anew in turn
Connection = apsw.Connection
Error = apsw.Error


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


def writing(path: Path, *, durable: bool, is_empty: bool = False) -> Database:
    """The one writing connection. Not durable: an in-memory server's database. ``is_empty``: the
    file has nothing in it yet, and can be made one that gives free pages back."""
    pragmas: dict[str, Any] = {
        "journal_mode": "wal",
        "synchronous": "full" if durable else "off",
        "wal_autocheckpoint": CHECKPOINT_PAGES,
        "journal_size_limit": 64 * 1024 * 1024,
        "secure_delete": 1,  # what is freed is zeroed: no page keeps an erased text
    }
    if is_empty:
        pragmas = {"auto_vacuum": "incremental", **pragmas}
    pragmas["cache_size"] = -WRITER_CACHE_KIB
    return _database(path, apsw.SQLITE_OPEN_READWRITE, pragmas)


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


def error_of(error: BaseException) -> apsw.Error | None:
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
    cause = error_of(error)
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


def is_damaged(error: BaseException) -> bool:
    return isinstance(error_of(error), apsw.CorruptError | apsw.NotADBError)


def is_interrupted(error: BaseException) -> bool:
    return isinstance(error_of(error), apsw.InterruptError)


def lacked_room(
    error: BaseException, connection: apsw.Connection | None, *, committing: bool
) -> bool:
    """``connection``: the one that has failed, if it was opened. ``committing``, only when the
    frame that commits was not written: after a failed sync or a failed ``-shm`` it may stand in
    the write-ahead log."""
    cause = error_of(error)
    if isinstance(cause, apsw.FullError):
        return True
    if committing and getattr(cause, "extendedresult", 0) != apsw.SQLITE_IOERR_WRITE:
        return False
    return connection is not None and is_full(error, connection)


def copy_back(db: Database) -> None:
    """What is in the write-ahead log goes to the database file, as far as readers let it, and
    unless somebody else is at it."""
    with suppress(apsw.BusyError):
        db.connection().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def free_cache(db: Database) -> None:
    """The pages of the file that the connection holds and does not need: the system has them."""
    db.execute_sql("PRAGMA shrink_memory")


def shrink(db: Database, pages: int) -> bool:
    """Gives so many free pages of the file back, once they are copied back. Whether there are
    more: a file that was made before that was possible has its free pages for what comes."""
    connection = db.connection()
    free = connection.pragma("freelist_count")
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    return bool(0 < connection.pragma("freelist_count") < free)


def compact(db: Database) -> None:
    """Afterwards it is one that gives free pages back, however it was made."""
    connection = db.connection()
    connection.execute("PRAGMA temp_store = file")  # a copy of the database
    connection.execute("PRAGMA auto_vacuum = incremental")
    connection.execute("VACUUM")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def empty_log(db: Database, busy_milliseconds: int) -> bool:
    """All of it, and the file of the write-ahead log is cut to nothing. False when the writer, or
    somebody who reads an older state, was in the way for that long."""
    connection = db.connection()
    connection.set_busy_timeout(busy_milliseconds)
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return False
    return True
