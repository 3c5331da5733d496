"""Which schema a file has, and whether it is a database of ours at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec
from peewee import Database, OperationalError
from playhouse.migrations import Migration, Runner

from chatctl_server import errors
from chatctl_server.storage import engine, files

DEVELOPMENT = "0001_initial"  # the first migration of versions that were not released
_NOT_IN_DEVELOPMENT = "client_id"  # the later of them had a 0001_baseline without this table
MIGRATIONS = Path(__file__).parents[1] / "migrations"
SCRATCH = Path("the temporary database")  # what errors call it
SCRATCH_CACHE_KIB = 64 * 1024
_HISTORY = "schema_migration"
_CORE = {"conversation", "event"}


class Schema(msgspec.Struct, frozen=True):
    """Names of migrations; ``unknown`` ones are those of a newer chatctl."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def name(self) -> str:
        """The newest migration that the file has had; empty for none."""
        return self.applied[-1] if self.applied else ""

    @property
    def is_current(self) -> bool:
        return not self.pending and not self.unknown


def of(db: Database, path: Path) -> Schema:
    """Raises StorageUnavailable for a database of another program; an empty one may become ours."""
    status = _status(db, path)
    schema = Schema(
        applied=tuple(each.name for each in status if each.applied),
        pending=tuple(each.name for each in status if not each.applied),
        unknown=tuple(each.name for each in status if each.path is None),
    )
    tables = {name for (name,) in db.execute_sql("SELECT name FROM sqlite_schema").fetchall()}
    is_known = bool(schema.applied) and not schema.unknown
    is_early = is_known and tables >= _CORE and _NOT_IN_DEVELOPMENT not in tables
    if DEVELOPMENT in schema.unknown or is_early:
        raise errors.SchemaMismatch(
            f"{path} was made by a development version of chatctl, whose files are not taken over",
            hint="use a new file",
        )
    is_ours = tables >= _CORE if schema.applied else not tables - {_HISTORY, *_automatic(tables)}
    if not is_ours:
        raise _not_ours(path)
    return schema


def _status(db: Database, path: Path) -> list[Migration]:
    """Of each migration. Another program's table of migrations may have our table's name."""
    try:
        found: list[Migration] = _runner(db).status()
    except OperationalError as error:
        if "no such column" not in str(error):
            raise
        raise _not_ours(path) from None
    return found


def _not_ours(path: Path) -> errors.StorageUnavailable:
    return errors.StorageUnavailable(
        f"{path} is a database of another program, not of chatctl", hint="choose another file"
    )


def _automatic(names: set[str]) -> set[str]:
    """What comes with the table of migrations."""
    return {name for name in names if name.startswith((_HISTORY, "sqlite_"))}


def check_schema(path: Path) -> Schema:
    """Raises StorageUnavailable, or SchemaMismatch unless the schema is this version's."""
    with files.snapshot(path) as db:
        schema = of(db, path)
    refuse_other(schema, path)
    return schema


def refuse_other(schema: Schema, path: Path) -> None:
    refuse_newer(schema, path)
    if schema.pending:
        raise errors.SchemaMismatch(
            f"{path} has an older schema: {', '.join(schema.pending)} is missing",
            hint="chatctl db migrate",
        )


def refuse_newer(schema: Schema, path: Path) -> None:
    if schema.unknown:
        raise errors.SchemaMismatch(
            f"{path} was written by a newer chatctl: {', '.join(schema.unknown)} is unknown here",
            hint="install the newer chatctl, or restore the backup made before its upgrade",
        )


def bring_up_to_date(db: Database) -> None:
    """All pending migrations in one transaction: after a failure the file is as it was."""
    # A migration that rebuilds a table must not cascade, and the switch acts outside only.
    db.execute_sql("PRAGMA foreign_keys = OFF")
    with db.atomic():
        _runner(db).up()
        if db.execute_sql("PRAGMA foreign_key_check").fetchone() is not None:
            raise errors.StorageUnavailable("The migration broke a reference between tables")
    db.execute_sql("PRAGMA foreign_keys = ON")


@contextmanager
def scratch(*, is_empty: bool = False) -> Iterator[Database]:
    """A database of this version's schema, or of none, in a temporary file without a name.

    It lies in $SQLITE_TMPDIR, $TMPDIR or /var/tmp and is gone with its connection, also when
    the process is killed.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    pragmas = {"journal_mode": "memory", "foreign_keys": 1, "cache_size": -SCRATCH_CACHE_KIB}
    db = engine.APSWDatabase("file:", pragmas=pragmas, flags=flags)
    db.connect()
    try:
        if not is_empty:
            with files.writing_failures(SCRATCH, db.connection()):
                bring_up_to_date(db)
        yield db
    finally:
        db.close()


def _runner(db: Database) -> Runner:
    return Runner(db, str(MIGRATIONS))
