"""What a database file is and holds."""

import os
from pathlib import Path
from typing import Literal

import apsw
import msgspec
from peewee import Database

from chatctl_server.domain import times
from chatctl_server.process import lock
from chatctl_server.storage import cursors, files, log, rooms
from chatctl_server.storage.maintenance import schemas


class InUse(msgspec.Struct, frozen=True):
    """The holder of the database's lock."""

    role: lock.Role
    state: lock.State
    pid: int
    url: str | None


class Info(msgspec.Struct, frozen=True):
    """Times are RFC 3339. ``bans`` and ``mutes`` count expired ones, too. ``cursors`` are the
    offsets that the followers have read up to."""

    database: str
    in_use_by: InUse | None
    bytes: int
    wal_bytes: int
    pages: int
    page_bytes: int
    journal_mode: str
    sqlite_version: str
    schema: str
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    rooms_open: int
    rooms_closed: int
    messages: int
    sessions: int
    sessions_open: int
    bans: int
    mutes: int
    last_offset: int
    first_event_at: str | None
    last_event_at: str | None
    cursors: dict[str, int]


def info(path: Path) -> Info:
    """Reads only, also beside a running server and where nothing can be written.

    A newer or older schema is no error. Raises StorageUnavailable.
    """
    path = files.real(path)
    with files.snapshot(path) as db:
        schema = schemas.of(db, path)
        counted = rooms.counts(db) if schema.applied else {}
        last_offset = log.newest_offset(db) if schema.applied else 0
        return Info(
            database=str(path),
            in_use_by=_in_use(path),
            bytes=path.stat().st_size,
            wal_bytes=_size(files.beside(path, "-wal")),
            pages=_pragma(db, "page_count"),
            page_bytes=_pragma(db, "page_size"),
            journal_mode=_journal_mode(path),
            sqlite_version=apsw.sqlite_lib_version(),
            schema=schema.name,
            pending=schema.pending,
            unknown=schema.unknown,
            rooms_open=counted.get("open", 0),
            rooms_closed=counted.get("closed", 0),
            messages=_count(db, schema, "message"),
            sessions=_count(db, schema, "room_session"),
            sessions_open=_count(db, schema, "room_session WHERE leave_time IS NULL"),
            bans=_count(db, schema, "ban"),
            mutes=_count(db, schema, "mute"),
            last_offset=last_offset,
            first_event_at=_event_time(db, "min") if last_offset else None,
            last_event_at=_event_time(db, "max") if last_offset else None,
            cursors=cursors.of_followers(db) if schema.applied else {},
        )


def _in_use(path: Path) -> InUse | None:
    holder = lock.read(lock.lock_path(path))
    return None if holder is None else InUse(holder.role, holder.state, holder.pid, holder.url)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _pragma(db: Database, name: str) -> int:
    value: int = db.execute_sql(f"PRAGMA {name}").fetchone()[0]
    return value


def _journal_mode(path: Path) -> str:
    """As the file's header has it: a reader who cannot write here uses another."""
    with path.open("rb") as file:
        return "wal" if os.pread(file.fileno(), 1, 18) == b"\2" else "delete"


def _count(db: Database, schema: schemas.Schema, rows: str) -> int:
    if not schema.applied:
        return 0
    count: int = db.execute_sql(f"SELECT count(*) FROM {rows}").fetchone()[0]
    return count


def _event_time(db: Database, which: Literal["min", "max"]) -> str:
    """Of the oldest or the newest event."""
    query = f"SELECT at FROM event WHERE id = (SELECT {which}(id) FROM event)"
    at: int = db.execute_sql(query).fetchone()[0]
    return times.rfc3339(at)
