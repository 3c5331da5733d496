"""Whether a database is sound: the file, the references, and the rules of the tables."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import apsw
import msgspec
from peewee import Database, PeeweeException

from chatctl_server import errors
from chatctl_server.storage import client_ids, engine, files
from chatctl_server.storage.maintenance import desk_invariants, file_copies, invariants, schemas

SHOWN = 20  # of each rule
_DAMAGE = (apsw.CorruptError, apsw.SQLError)  # the second says "no such table"


class BrokenRule(msgspec.Struct, frozen=True):
    """``detail`` may hold a user's text."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


def check(path: Path, uploads: Path | None = None) -> list[BrokenRule]:
    """In one snapshot, also beside a running server; at most 20 problems of each rule. The files
    in the directory ``uploads`` are looked for, and not read.

    Raises StorageUnavailable, or SchemaMismatch unless the schema is this version's.
    """
    try:
        with files.snapshot(path) as db:
            schemas.refuse_other(schemas.of(db, path), path)
            missing = () if uploads is None else file_copies.missing_of(db, uploads)
            return [*problems(db), *_first("files", _each_told(missing))]
    except errors.CheckFailed as error:
        return [BrokenRule("integrity", error.detail)]


def _each_told(missing: Iterable[str]) -> Iterator[str]:
    return (f"{each} is missing, or not as long as it was" for each in missing)


def problems(db: Database) -> list[BrokenRule]:
    """Of a database with this version's schema."""
    db.connection().create_scalar_function(
        invariants.HASH, client_ids.client_hash, 3, deterministic=True
    )
    found = [*damage(db), *_schema(db)]
    for invariant in (*invariants.ALL, *desk_invariants.ALL):
        found += _first(invariant.name, _broken(db, invariant))
    return found


def damage(db: Database) -> list[BrokenRule]:
    """Of the file and the references between the tables, whatever its schema."""
    return [*_first("integrity", _integrity(db)), *_first("references", _references(db))]


def _first(rule: str, details: Iterator[str]) -> Iterator[BrokenRule]:
    """Damage that stops a query is a problem, too, as is a table that is missing; the other
    queries go on."""
    try:
        for detail in itertools.islice(details, SHOWN):
            yield BrokenRule(rule, detail)
        if next(details, None) is not None:
            yield BrokenRule(rule, f"there are more; only the first {SHOWN} are shown")
    except (apsw.Error, PeeweeException) as error:
        if not any(files.has_cause(error, kind) for kind in _DAMAGE):
            raise
        yield BrokenRule(rule, f"cannot be checked: {engine.error_of(error)}")


def _integrity(db: Database) -> Iterator[str]:
    for (line,) in db.execute_sql(f"PRAGMA integrity_check({SHOWN + 1})"):
        if line != "ok":
            yield line


def _references(db: Database) -> Iterator[str]:
    for table, rowid, parent, _ in db.execute_sql("PRAGMA foreign_key_check"):
        which = "a row" if rowid is None else f"row {rowid}"
        yield f"{which} of {table} refers to a missing {parent}"


def _schema(db: Database) -> Iterator[BrokenRule]:
    """Tables and indexes other than the migrations make them: unique indexes are rules, too."""
    with schemas.scratch() as fresh:
        expected = _definitions(fresh)
    found = _definitions(db)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield BrokenRule("schema", f"{name} is missing")
        elif found[name] != expected.get(name):
            yield BrokenRule("schema", f"{name} is not as chatctl makes it")


def _definitions(db: Database) -> dict[str, str]:
    return dict(
        db.execute_sql(
            "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*'"
        ).fetchall()
    )


def _broken(db: Database, invariant: invariants.Invariant) -> Iterator[str]:
    for row in db.execute_sql(invariant.query):
        yield invariant.sentence.format(*row)
