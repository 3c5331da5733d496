"""Uploaded files beside a backup, ``<backup>.files``, and back: links where the file system has
them, else copies. A file's name says what is in it, so what is there already stays."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from peewee import Database

from chatctl_server.storage import files, stored_files
from chatctl_server.storage.file_store import sha256
from chatctl_server.storage.stored_files import StoredFile


class Copied(NamedTuple):
    """``missing``: files that the database knows, and that are nowhere, or damaged."""

    files: int
    bytes: int
    missing: int


def beside(backup: Path) -> Path:
    return files.beside(backup, ".files")


def beside_backup(backup: Path, sources: Sequence[Path], target: Path) -> Copied:
    """Those that the backup knows, for when it has its name, ``target``. When that fails, nothing
    is left of what was not there before."""
    was_there = beside(target).exists()
    try:
        with files.snapshot(backup, immutable=True) as db:
            return copy(db, sources, beside(target)) if sources and knows(db) else Copied(0, 0, 0)
    except BaseException:
        if not was_there:
            remove(target)
        raise


def knows(db: Database) -> bool:
    """Whether its schema has files."""
    found = db.execute_sql("SELECT 1 FROM sqlite_schema WHERE name = 'stored_file'").fetchone()
    return found is not None


def copy(db: Database, sources: Sequence[Path], target: Path, *, verify: bool = False) -> Copied:
    """The files of that database, each from the first directory that has it whole.

    ``verify``: each is compared with its name before. Raises StorageFull, StorageUnavailable.
    """
    count = size = missing = 0
    touched: set[Path] = set()
    with files.failures(target):
        for each in every(db):
            if _fetch(each, sources, target / each.name.path, touched, verify=verify):
                count, size = count + 1, size + each.size
            else:
                missing += 1
        for directory in sorted(touched):
            files.sync(directory)
    return Copied(count, size, missing)


def every(db: Database) -> Iterator[StoredFile]:
    last = stored_files.START
    while page := stored_files.after(db, last):
        yield from page
        last = page[-1].name


def _fetch(
    file: StoredFile, sources: Sequence[Path], target: Path, touched: set[Path], *, verify: bool
) -> bool:
    for source in (target, *(directory / file.name.path for directory in sources)):
        if not _is_whole(source, file, verify=verify):
            continue
        if source != target:
            _make(target.parent, file.name.path.count("/"), touched)
            _put(source, target)
        return True
    return False


def _is_whole(path: Path, file: StoredFile, *, verify: bool) -> bool:
    try:
        return path.lstat().st_size == file.size and (not verify or sha256(path) == file.name.hash)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _make(directory: Path, levels: int, touched: set[Path]) -> None:
    """And those above it, as far as they are below the directory of all files, and that."""
    if directory not in touched:
        if levels:
            _make(directory.parent, levels - 1, touched)
        if not directory.is_dir():
            directory.mkdir(0o700)
            files.hand_over(directory, directory.parent)
        touched.add(directory)


def _put(source: Path, target: Path) -> None:
    """Whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        _link_or_copy(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _link_or_copy(source: Path, part: Path) -> None:
    """A file of two file systems, or with too many names, is copied."""
    with contextlib.suppress(OSError):
        os.link(source, part)
        return
    files.create_empty(part)
    shutil.copyfile(source, part)
    files.hand_over(part, part.parent)
    files.sync(part)


def remove(backup: Path) -> None:
    """The files beside a backup. Raises OSError."""
    if beside(backup).exists():
        shutil.rmtree(beside(backup))


def missing_of(db: Database, directory: Path) -> Iterator[str]:
    """The paths of files that are not there, or not as long as they were."""
    for each in every(db):
        if not _is_whole(directory / each.name.path, each, verify=False):
            yield each.name.path
