"""Backups: verified copies of a database in use, each one file with a manifest beside it."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import apsw
import msgspec
from peewee import Database

from chatctl_server import errors
from chatctl_server.domain import times
from chatctl_server.storage import files, log
from chatctl_server.storage.maintenance import checks, file_copies, schemas

PAGES_AT_ONCE = 1000


class Manifest(msgspec.Struct, frozen=True):
    """``<backup>.json``. ``database`` is the file that was copied, ``version`` chatctl's,
    ``schema`` the newest migration, ``created_at`` RFC 3339."""

    database: str
    created_at: str
    version: str
    schema: str
    last_offset: int
    bytes: int
    sha256: str


class BackedUp(Manifest, frozen=True):
    """``backup`` and ``manifest`` are the files made. ``files`` uploaded ones are beside it;
    ``files_missing`` were not there, or not as long as they should be."""

    backup: str
    manifest: str
    files: int
    file_bytes: int
    files_missing: int


def backup(path: Path, target: Path, uploads: Sequence[Path] = ()) -> BackedUp:
    """Copies one snapshot while the server writes, checks the copy, then gives it its name.

    ``uploads``: directories in which uploaded files are looked for; those that the snapshot knows
    go with it, into ``<target>.files``. What is there already stays.
    Raises Conflict when the target exists, CheckFailed, StorageFull; then nothing is left.
    """
    target = target.absolute()
    manifest_file = manifest_path(target)
    _refuse_existing(target, manifest_file)
    with _part_of(target) as part, _part_of(manifest_file) as manifest_part:
        with files.snapshot(path) as source:
            copy(source, part, target)
        manifest = _check(part, files.real(path))
        copied = file_copies.beside_backup(part, uploads, target)
        with files.failures(target):
            manifest_part.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
            files.sync(part)
            files.sync(manifest_part)
            _publish((part, target), (manifest_part, manifest_file))
    return BackedUp(
        **msgspec.structs.asdict(manifest),
        backup=str(target),
        manifest=str(manifest_file),
        files=copied.files,
        file_bytes=copied.bytes,
        files_missing=copied.missing,
    )


def manifest_path(backup: Path) -> Path:
    return files.beside(backup, ".json")


def copy(source: Database, part: Path, target: Path) -> None:
    """The snapshot that the source reads, as the single file ``part``; the caller syncs it.

    Errors name the ``target``, which the part will become.
    """
    connection = apsw.Connection(str(part))
    try:
        with files.writing_failures(target, connection):
            connection.pragma("synchronous", "off")
            with connection.backup("main", source.connection(), "main") as running:
                while not running.done:
                    running.step(PAGES_AT_ONCE)
            # The copied header still asks for a write-ahead log beside the file.
            connection.pragma("journal_mode", "delete")
    finally:
        connection.close()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_existing(*paths: Path) -> None:
    directory = paths[0].parent
    if not directory.is_dir():
        raise errors.no_directory(directory)
    for path in paths:
        if os.path.lexists(path):
            raise errors.Conflict(f"{path} exists already", hint="choose another name")


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """An empty file beside it with mode 0600, which is removed at the end."""
    with files.failures(path):
        descriptor, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
        os.close(descriptor)
    try:
        yield Path(name)
    finally:
        files.remove(Path(name))


def _check(part: Path, original: Path) -> Manifest:
    """Raises CheckFailed. A copy with another schema is checked as far as that is possible."""
    with files.snapshot(part, immutable=True) as db:
        schema = schemas.of(db, original)
        if not schema.applied:
            raise errors.StorageUnavailable(
                f"{original} is an empty database", hint="chatctl db migrate"
            )
        problems = checks.problems(db) if schema.is_current else checks.damage(db)
        if problems:
            raise errors.CheckFailed(
                f"The copy of {original} has {len(problems)} problems: {problems[0]}",
                hint="chatctl db check",
            )
        last_offset = log.newest_offset(db)
    return Manifest(
        database=str(original),
        created_at=times.rfc3339(times.now()),
        version=version("chatctl"),
        schema=schema.name,
        last_offset=last_offset,
        bytes=part.stat().st_size,
        sha256=sha256(part),
    )


def _publish(*named: tuple[Path, Path]) -> None:
    """All parts under their names, or none."""
    done: list[Path] = []
    try:
        for part, name in named:
            _link(part, name)
            done.append(name)
        files.sync(named[0][1].parent)
    except BaseException:
        for name in done:
            name.unlink()
        raise


def _link(part: Path, name: Path) -> None:
    """Unlike a rename, a link never replaces a file that somebody has made meanwhile."""
    try:
        os.link(part, name)
    except FileExistsError:
        raise errors.Conflict(f"{name} exists already", hint="choose another name") from None
    except PermissionError:  # what Linux says of a file system without links
        _refuse_existing(name)
        part.rename(name)
