"""Whether the log tells the tables: it is replayed elsewhere, and the outcomes are compared."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import apsw
import msgspec
from peewee import Database, PeeweeException

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.storage import engine, files, log, models, projection, sql
from chatctl_server.storage.maintenance import schemas

SHOWN = 20  # of each table
PAGE = 1000
_MAX_CHARACTERS = 100
# Of a purged one there may be rows left of which the events have gone, and the other way round.
_BUT_OF_PURGED = "WHERE conversation NOT IN (SELECT id FROM conversation WHERE kind = 'purged')"
# log.py answers with whole events; here damaged ones must not hide the others.
_EVENTS = f"SELECT {log.COLUMNS} FROM event ORDER BY id"
_MADE_AT = sql.Query("SELECT created_at FROM workspace WHERE id = 0")
_MAKE = sql.Query("UPDATE workspace SET created_at = :made_at, updated_at = :made_at WHERE id = 0")
_SITE = sql.Query("SELECT scope, created_at FROM site WHERE id = 'default'")
_DEFER = sql.Query("PRAGMA defer_foreign_keys = ON")
_MAKE_SITE = (
    sql.Query("UPDATE scope SET id = :scope WHERE type = 'site' AND number = 0"),
    sql.Query("""UPDATE site SET scope = :scope, created_at = :made_at, updated_at = :made_at
        WHERE id = 'default'"""),
)
Value = str | int | float | bytes | None
Kind = Literal["differs", "missing", "extra", "unreadable", "more"]


class Difference(msgspec.Struct, frozen=True):
    """``missing`` rows are in the log alone, ``extra`` ones in the table alone; ``unreadable``
    is an event that cannot be replayed, ``more`` says that the list is cut. ``key`` names the row.
    ``stored`` and ``replayed`` are values of a row that ``differs``; they may be users' text.
    """

    table: str
    kind: Kind
    key: str = ""
    column: str | None = None
    stored: Value = None
    replayed: Value = None

    def __str__(self) -> str:
        row = f"{self.table} {self.key}"
        match self.kind:
            case "differs":
                stored, replayed = _short(self.stored), _short(self.replayed)
                return f"{row}: {self.column} is {stored}, after the log {replayed}"
            case "missing":
                return f"{row}: is missing, the log has it"
            case "extra":
                return f"{row}: does not come from the log"
            case "unreadable":
                return f"{row}: cannot be replayed: {self.stored!s}"
            case _:
                return f"{self.table}: there are more; only the first {SHOWN} are shown"


def verify(path: Path) -> list[Difference]:
    """In one snapshot, also beside a running server; at most 20 differences of each table.

    Raises StorageUnavailable, StorageFull when the temporary directory has no room for a second
    database, SchemaMismatch unless the schema is this version's, and CheckFailed for a file that
    SQLite itself cannot read.
    """
    with files.snapshot(path) as db, schemas.scratch() as scratch, _damage_told(path):
        schemas.refuse_other(schemas.of(db, path), path)
        with files.writing_failures(schemas.SCRATCH, scratch.connection()):
            _begin_like(db, scratch)
            replay = _Replay(scratch)
            replay.run(_events_of(db))
        found = _cut("event", replay.unreadable)
        for model in models.CORE:
            table = model._meta.table_name
            found += _cut(table, _compare(db, scratch, table))
    return found


def _begin_like(db: Database, scratch: Database) -> None:
    """Of the default workspace and site no event tells when they were made, nor which scope the
    site got: they came with their tables."""
    made_at = _MADE_AT.value(db)
    if made_at is not None:
        _MAKE.run(scratch, made_at=made_at)
    site = _SITE.row(db)
    if site is None:
        return
    with scratch.atomic():
        _DEFER.run(scratch)
        for query in _MAKE_SITE:
            query.run(scratch, scope=site[0], made_at=site[1])


class _Damaged(Exception):
    """SQLite's complaint about the file that is verified, not about the scratch database."""


def _events_of(db: Database) -> Iterator[sql.Row]:
    try:
        yield from db.execute_sql(_EVENTS)
    except (apsw.Error, PeeweeException) as error:
        if not files.has_cause(error, apsw.CorruptError):
            raise
        raise _Damaged(str(error)) from error


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (apsw.Error, PeeweeException, _Damaged) as error:
        if not files.has_cause(error, apsw.CorruptError):
            raise
        raise errors.CheckFailed(f"{path} is damaged: {error}", hint=files.CHECK) from error


class _Replay:
    """Applies events as the writer does: neighbouring posts together."""

    def __init__(self, scratch: Database) -> None:
        self.unreadable: list[Difference] = []
        self._db = scratch
        self._posts: list[events.Event] = []

    def run(self, rows: Iterable[sql.Row]) -> None:
        rows = iter(rows)
        while page := list(itertools.islice(rows, PAGE)):
            with self._db.atomic():
                for row in page:
                    self._add(row)
                self._flush()

    def _add(self, row: sql.Row) -> None:
        try:
            entry = log.event(row)
        except (TypeError, msgspec.MsgspecError) as error:
            self._note(row[0], error)
            return
        if isinstance(entry.payload, events.MessagePosted):
            self._posts.append(entry)
        else:
            self._flush()
            self._apply(entry)

    def _flush(self) -> None:
        posts, self._posts = self._posts, []
        if not posts:
            return
        try:
            with self._db.atomic():
                projection.apply_posts(self._db, posts)
        except (apsw.ConstraintError, PeeweeException, AssertionError) as error:
            _raise_if_full(error)
            for entry in posts:
                self._apply(entry)

    def _apply(self, entry: events.Event) -> None:
        try:
            with self._db.atomic():
                projection.apply(self._db, entry)
        except (apsw.ConstraintError, PeeweeException, AssertionError) as error:
            _raise_if_full(error)
            self._note(entry.offset, engine.error_of(error) or error)

    def _note(self, offset: int, error: Exception) -> None:
        if len(self.unreadable) <= SHOWN:
            reason = f"{type(error).__name__}: {error}"
            self.unreadable.append(Difference("event", "unreadable", f"id {offset}", stored=reason))


def _raise_if_full(error: Exception) -> None:
    if files.has_cause(error, apsw.FullError) or files.has_cause(error, apsw.IOError):
        raise error


def _cut(table: str, differences: Iterable[Difference]) -> list[Difference]:
    rest = iter(differences)
    shown = list(itertools.islice(rest, SHOWN))
    if next(rest, None) is not None:
        shown.append(Difference(table, "more"))
    return shown


def _compare(db: Database, scratch: Database, table: str) -> Iterator[Difference]:
    """Both tables are read once, in the order of their keys."""
    info = scratch.execute_sql(f"PRAGMA table_info({table})").fetchall()
    keys = [name for _, name, _, _, _, place in sorted(info, key=_place) if place]
    values = [name for _, name, _, _, _, place in info if not place]
    query = f"""SELECT {", ".join(keys + values)} FROM {table}
        {_BUT_OF_PURGED if "conversation" in keys + values else ""} ORDER BY {", ".join(keys)}"""
    stored, replayed = (iter(each.execute_sql(query)) for each in (db, scratch))
    left, right = next(stored, None), next(replayed, None)
    while left is not None or right is not None:
        order = _order(left, right, len(keys))
        if order < 0 and left is not None:
            yield Difference(table, "extra", _key(keys, left))
        elif order > 0 and right is not None:
            yield Difference(table, "missing", _key(keys, right))
        elif left is not None and right is not None and left != right:
            yield from _columns(table, keys, values, left, right)
        left = left if order > 0 else next(stored, None)
        right = right if order < 0 else next(replayed, None)


def _place(column: sql.Row) -> int:
    place: int = column[5]
    return place


def _order(left: sql.Row | None, right: sql.Row | None, keys: int) -> int:
    """Negative when the left row comes first or alone, positive for the right one."""
    if left is None or right is None:
        return 1 if left is None else -1
    if left[:keys] == right[:keys]:
        return 0
    return -1 if [*map(_rank, left[:keys])] < [*map(_rank, right[:keys])] else 1


def _rank(value: Value) -> tuple[int, Value]:
    """SQLite's order between types; within text it is that of the code points, as Python's."""
    return {int: 1, float: 1, str: 2, bytes: 3}.get(type(value), 0), value


def _columns(
    table: str, keys: list[str], values: list[str], left: sql.Row, right: sql.Row
) -> Iterator[Difference]:
    width = len(keys)
    for name, stored, replayed in zip(values, left[width:], right[width:], strict=True):
        if stored != replayed:
            yield Difference(table, "differs", _key(keys, left), name, stored, replayed)


def _key(keys: list[str], row: sql.Row) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(keys, row, strict=False))


def _short(value: Value) -> str:
    text = repr(value)
    if len(text) <= _MAX_CHARACTERS:
        return text
    return f"{text[:_MAX_CHARACTERS]}… ({len(text)} characters)"
