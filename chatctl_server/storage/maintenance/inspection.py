"""What a database file is and holds."""

import os
from pathlib import Path

import apsw
import msgspec
from peewee import Database

from chatctl_server.domain import times
from chatctl_server.process import lock
from chatctl_server.storage import cursors, files
from chatctl_server.storage.maintenance import file_copies, schemas


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
    files: int
    file_bytes: int
    last_offset: int
    first_event_at: str | None
    last_event_at: str | None
    cursors: dict[str, int]


_HELD = {
    "rooms_open": "count(*) FROM conversation WHERE kind = 'room' AND status = 'open'",
    "rooms_closed": "count(*) FROM conversation WHERE kind = 'room' AND status = 'closed'",
    "messages": "count(*) FROM message",
    "sessions": "count(*) FROM room_session",
    "sessions_open": "count(*) FROM room_session WHERE leave_time IS NULL",
    "bans": "count(*) FROM ban",
    "mutes": "count(*) FROM mute",
    "last_offset": "coalesce(max(id), 0) FROM event",
}
_FILES = {
    "files": "count(*) FROM stored_file",
    "file_bytes": "coalesce(sum(size), 0) FROM stored_file",
}
_FIRST, _LAST = (f"at FROM event ORDER BY id {order} LIMIT 1" for order in ("ASC", "DESC"))


def info(path: Path) -> Info:
    """Reads only, also beside a running server and where nothing can be written.

    A newer or older schema is no error. Raises StorageUnavailable.
    """
    path = files.real(path)
    with files.snapshot(path) as db:
        schema = schemas.of(db, path)
        held = {name: _value(db, what) if schema.applied else 0 for name, what in _HELD.items()}
        has_files = file_copies.knows(db)
        held |= {name: _value(db, what) if has_files else 0 for name, what in _FILES.items()}
        return Info(
            database=str(path),
            in_use_by=_in_use(path),
            bytes=path.stat().st_size,
            wal_bytes=_size(files.beside(path, "-wal")),
            pages=_value(db, "page_count FROM pragma_page_count"),
            page_bytes=_value(db, "page_size FROM pragma_page_size"),
            journal_mode=_journal_mode(path),
            sqlite_version=apsw.sqlite_lib_version(),
            schema=schema.name,
            pending=schema.pending,
            unknown=schema.unknown,
            **held,
            first_event_at=times.rfc3339(_value(db, _FIRST)) if held["last_offset"] else None,
            last_event_at=times.rfc3339(_value(db, _LAST)) if held["last_offset"] else None,
            cursors=cursors.of_followers(db) if schema.applied else {},
        )


def _value(db: Database, what: str) -> int:
    value: int = db.execute_sql(f"SELECT {what}").fetchone()[0]
    return value


def _in_use(path: Path) -> InUse | None:
    holder = lock.read(lock.lock_path(path))
    return None if holder is None else InUse(holder.role, holder.state, holder.pid, holder.url)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _journal_mode(path: Path) -> str:
    """As the file's header has it: a reader who cannot write here uses another."""
    with path.open("rb") as file:
        return "wal" if os.pread(file.fileno(), 1, 18) == b"\2" else "delete"
