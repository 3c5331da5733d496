"""Making a database and bringing an older one up to date. The caller holds the lock."""

import itertools
from pathlib import Path

import msgspec

from chatctl_server import errors
from chatctl_server.storage import engine, files, log
from chatctl_server.storage.maintenance import backups, schemas


class Migrated(msgspec.Struct, frozen=True):
    """``migrations``: those applied or, in a dry run, those that would be. ``backup`` is the
    copy of the older file."""

    database: str
    schema: str
    migrations: tuple[str, ...]
    backup: str | None
    created: bool
    changed: bool
    dry_run: bool


def migrate(path: Path, dry_run: bool = False) -> Migrated:
    """Raises StorageUnavailable for a file that is no database of ours, and SchemaMismatch for
    one of a newer chatctl; both are left as they are."""
    return _migrate(files.real(path), durable=True, dry_run=dry_run)


def prepare(path: Path, *, durable: bool) -> Migrated:
    """As ``migrate``, when a server starts. Not durable: an in-memory server's database."""
    return _migrate(files.real(path), durable=durable, dry_run=False)


def _migrate(path: Path, *, durable: bool, dry_run: bool) -> Migrated:
    if not path.exists():
        return _make(path, durable=durable, dry_run=dry_run)
    # Connecting to write would already change a foreign file: its journal mode.
    with files.snapshot(path) as db:
        schema = schemas.of(db, path)
        offset = log.newest_offset(db) if schema.applied else 0
    schemas.refuse_newer(schema, path)
    backup = None
    if schema.pending and not dry_run:
        backup = _backup_before(path, schema, offset) if schema.applied else None
        _upgrade(path, durable=durable)
    if not dry_run:
        _make_private(path)
    return _migrated(path, schema, backup=backup, created=False, dry_run=dry_run)


def _make(path: Path, *, durable: bool, dry_run: bool) -> Migrated:
    with schemas.scratch(is_empty=True) as db:
        schema = schemas.of(db, path)
    if not dry_run:
        _create(path, durable=durable)
    return _migrated(path, schema, backup=None, created=not dry_run, dry_run=dry_run)


def _migrated(
    path: Path, before: schemas.Schema, *, backup: str | None, created: bool, dry_run: bool
) -> Migrated:
    is_changed = bool(before.pending) and not dry_run
    return Migrated(
        database=str(path),
        schema=before.pending[-1] if is_changed else before.name,
        migrations=before.pending,
        backup=backup,
        created=created,
        changed=is_changed,
        dry_run=dry_run,
    )


def _create(path: Path, *, durable: bool) -> None:
    with files.failures(path):
        files.create_empty(path)
        try:
            _upgrade(path, durable=durable, is_empty=True)
            files.sync(path.parent)
        except BaseException:
            files.remove(path)
            raise


def _upgrade(path: Path, *, durable: bool, is_empty: bool = False) -> None:
    db = engine.writing(path, durable=durable, is_empty=is_empty)
    with files.failures(path):
        db.connect()
        try:
            with files.writing_failures(path, db.connection()):
                schemas.bring_up_to_date(db)
        finally:
            db.close()


def _make_private(path: Path) -> None:
    with files.failures(path):
        if path.stat().st_mode & 0o777 != 0o600:
            path.chmod(0o600)


def _backup_before(path: Path, schema: schemas.Schema, offset: int) -> str:
    """The copy's path. That of an earlier try serves again when nothing has happened since: a
    server that fails in a loop must not fill the disk."""
    name = f".before-{schema.pending[0]}"
    for number in itertools.count(1):
        target = files.beside(path, name if number == 1 else f"{name}-{number}")
        if not target.exists():
            made = backups.backup(path, target)
            files.hand_over(target, path)
            files.hand_over(Path(made.manifest), path)
            break
        if _is_copy(target, schema, offset):
            break
    return str(target)


def _is_copy(target: Path, schema: schemas.Schema, offset: int) -> bool:
    try:
        with files.snapshot(target, immutable=True) as db:
            return schemas.of(db, target) == schema and log.newest_offset(db) == offset
    except errors.ChatctlError:
        return False
