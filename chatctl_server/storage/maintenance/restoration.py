"""Restoring: a backup takes the database's place, and the file that was there is kept.

Each step leaves the whole old database or the whole new one under the name: a crash between
any two of them loses nothing.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from chatctl_server import errors
from chatctl_server.domain import times
from chatctl_server.storage import files, log
from chatctl_server.storage.maintenance import backups, checks, file_copies, schemas

_ANOTHER = "choose another backup"
# The second says "unsupported file format".
_HEADER_ERRORS = (apsw.NotADBError, apsw.SQLError)
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.02


class Restored(msgspec.Struct, frozen=True):
    """``replaced`` is where the earlier file is kept; None when there was none. ``manifest`` is
    what the source's checksum was compared with; None when it has none."""

    database: str
    source: str
    manifest: str | None
    replaced: str | None
    schema: str
    last_offset: int
    bytes: int
    files: int
    files_missing: int
    changed: bool


def restore(path: Path, source: Path, uploads: Path | None = None) -> Restored:
    """The caller holds the lock. The database may be damaged, of another program or missing.

    The files that the source knows are brought into the directory ``uploads`` before: those beside
    it, as far as they are not there. What else is there stays, and the way back with it.
    Raises CheckFailed for a damaged source or one that its manifest does not describe,
    SchemaMismatch for a newer one, LockHeld while somebody reads the database, StorageFull.
    """
    path, source = files.real(path), files.real(source)
    if path == source:
        raise errors.Conflict(f"{path} cannot be restored from itself")
    if path.exists() and not path.is_file():
        raise errors.Conflict(f"{path} is not a file")
    part = files.beside(path, ".restoring")
    manifest = _manifest(source)
    try:
        schema, last_offset = _fetch(source, part, path, is_whole=manifest is not None)
        copied = _bring_files(part, source, uploads)
        with files.failures(path):
            files.hand_over(part, path if path.exists() else path.parent)
            files.sync(part)
            size = part.stat().st_size
            replaced = _replace(path, part)
    finally:
        files.remove(part)
    return Restored(
        database=str(path),
        source=str(source),
        manifest=None if manifest is None else str(backups.manifest_path(source)),
        replaced=None if replaced is None else str(replaced),
        schema=schema.name,
        last_offset=last_offset,
        bytes=size,
        files=copied.files,
        files_missing=copied.missing,
        changed=True,
    )


def _bring_files(part: Path, source: Path, uploads: Path | None) -> file_copies.Copied:
    """Each compared with the hash in its name."""
    with files.snapshot(part, immutable=True) as db:
        if uploads is None or not file_copies.knows(db):
            return file_copies.Copied(0, 0, 0)
        return file_copies.copy(db, [file_copies.beside(source)], uploads, verify=True)


def _fetch(source: Path, part: Path, path: Path, *, is_whole: bool) -> tuple[schemas.Schema, int]:
    """Copies the source, with what its write-ahead log holds, and checks the copy.

    ``is_whole``: it is a backup, a single file, and a -wal beside it is not its own.
    """
    with files.failures(path):
        files.remove(part)  # of a restore that was killed; the lock is ours
        files.create_empty(part)
    with _as_damage(source), files.snapshot(source, immutable=is_whole) as db:
        schema = schemas.of(db, source)
        schemas.refuse_newer(schema, source)
        if not schema.applied:
            raise errors.CheckFailed(f"{source} is an empty database", hint=_ANOTHER)
        backups.copy(db, part, path)
    with files.snapshot(part, immutable=True) as db:
        problems = checks.problems(db) if schema.is_current else checks.damage(db)
        if problems:
            raise errors.CheckFailed(
                f"{source} has {len(problems)} problems: {problems[0]}", hint=_ANOTHER
            )
        return schema, log.newest_offset(db)


@contextmanager
def _as_damage(source: Path) -> Iterator[None]:
    """Of a backup a header that is none is damage as any other."""
    try:
        yield
    except (errors.StorageUnavailable, errors.CheckFailed) as error:
        if not any(files.has_cause(error, kind) for kind in _HEADER_ERRORS):
            raise
        raise errors.CheckFailed(
            f"{source} is not a SQLite database, or its header is damaged", hint=_ANOTHER
        ) from error


def _manifest(source: Path) -> backups.Manifest | None:
    """That of the source, when it has one and fits. Raises CheckFailed when it does not."""
    path = backups.manifest_path(source)
    if not path.exists():
        return None
    with files.failures(source):
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=backups.Manifest)
        except msgspec.DecodeError as error:
            raise errors.CheckFailed(f"{path} is no manifest of a backup: {error}") from error
        if backups.sha256(source) != manifest.sha256:
            raise errors.CheckFailed(
                f"{source} is not the file that {path} describes: its SHA-256 differs",
                hint="choose another backup, or remove the manifest when the change was intended",
            )
    return manifest


def _replace(path: Path, part: Path) -> Path | None:
    replaced = None
    stamp = times.rfc3339(times.now()).replace("-", "").replace(":", "")
    kept = files.beside(path, f".replaced-{stamp}")
    if path.exists():
        _make_single(path)
        _keep(path, kept)
        replaced = kept
    try:
        # A write-ahead log that stayed here would be played into the new file.
        _set_aside(path, kept)
        part.replace(path)
    except OSError:
        kept.unlink(missing_ok=True)
        raise
    files.sync(path.parent)
    return replaced


def _make_single(path: Path) -> None:
    """Brings the committed content of the write-ahead log into the file.

    That needs the database for itself, which also shows that nobody reads it. What is damaged
    or foreign stays in its pieces.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        # Closing a damaged database would throw its write-ahead log away.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("synchronous", "full")
        _end_write_ahead(connection)
    except apsw.BusyError as error:
        raise errors.LockHeld(
            f"{path} is in use by another program", hint="end what reads it, then repeat this"
        ) from error
    except (apsw.NotADBError, apsw.CorruptError):
        return
    finally:
        connection.close()
    files.sync(path)


def _end_write_ahead(connection: apsw.Connection) -> None:
    """SQLite itself does not wait here for those who are about to end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.pragma("journal_mode", "delete")
            return
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)


def _keep(path: Path, kept: Path) -> None:
    """Under a second name, so that the first one is never without a file."""
    try:
        os.link(path, kept)
    except PermissionError:  # what Linux says of a file system without links
        files.create_empty(kept)
        shutil.copyfile(path, kept)
        files.hand_over(kept, path)
        files.sync(kept)
    files.sync(path.parent)


def _set_aside(path: Path, kept: Path) -> None:
    """Sidecars that are left belong to a damaged file, or to one that is gone."""
    for suffix in files.SIDECARS:
        sidecar = files.beside(path, suffix)
        if not sidecar.exists():
            continue
        if suffix == "-shm":
            sidecar.unlink()
        else:
            sidecar.rename(files.beside(kept, suffix))
    files.sync(path.parent)
