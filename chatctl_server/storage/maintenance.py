"""Work on the database file itself: schema, checks, backup, restore."""

from pathlib import Path

from peewee import Database
from playhouse.migrations import Runner

from chatctl_server import errors
from chatctl_server.storage import sql

MIGRATIONS = Path(__file__).parent / "migrations"


def check_schema(path: Path) -> None:
    """Raises StorageUnavailable or SchemaMismatch; changes nothing."""
    if not path.exists():
        raise errors.StorageUnavailable(f"There is no database {path}")
    db = sql.reading(path)
    try:
        pending, unknown = _compare(db)
    except Exception as error:
        raise errors.StorageUnavailable(f"{path} cannot be read as a database: {error}") from error
    finally:
        db.close()
    _refuse_newer(path, unknown)
    if pending:
        raise errors.SchemaMismatch(
            f"{path} has an older schema: {', '.join(pending)} is missing",
            hint="chatctl db migrate",
        )


def prepare(path: Path, *, durable: bool) -> None:
    """Makes the file if it is missing and brings its schema up to date. Needs the lock."""
    db = sql.writing(path, durable=durable, create=True)
    try:
        db.connect()
        _, unknown = _compare(db)
        _refuse_newer(path, unknown)
        Runner(db, str(MIGRATIONS)).up()
    finally:
        db.close()
    path.chmod(0o600)


def _compare(db: Database) -> tuple[list[str], list[str]]:
    """The migrations that the file lacks, and those that it has and we do not know."""
    status = Runner(db, str(MIGRATIONS)).status()
    pending = [each.name for each in status if not each.applied]
    unknown = [each.name for each in status if each.path is None]
    return pending, unknown


def _refuse_newer(path: Path, unknown: list[str]) -> None:
    if unknown:
        raise errors.SchemaMismatch(
            f"{path} was written by a newer chatctl: {', '.join(unknown)} is unknown here",
            hint="install the newer chatctl, or restore the backup made before its upgrade",
        )
