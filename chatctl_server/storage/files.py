"""The database as a file: read wherever it lies, its neighbours, and its failures by name."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw
from peewee import Database, PeeweeException

from chatctl_server import errors
from chatctl_server.storage import engine

SIDECARS = ("-wal", "-shm", "-journal")


def real(path: Path) -> Path:
    """SQLite follows links and keeps its sidecars beside the file that they lead to."""
    return Path(os.path.realpath(path))


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def reading(path: Path) -> Database:
    """As ``engine.reading``, also where nothing can be written. Raises StorageUnavailable."""
    with failures(path):
        db = _open(real(path), immutable=False)
        is_immutable = "immutable=1" in str(db.database)
        db.close()
    return _immutable(real(path)) if is_immutable else engine.reading(path)


@contextmanager
def snapshot(path: Path, *, immutable: bool = False) -> Iterator[Database]:
    """The database in one read snapshot, while a server may go on writing.

    ``immutable``: nobody writes, and what a ``-wal`` beside it says is not part of it.
    Raises StorageUnavailable.
    """
    with failures(path):
        db = _open(real(path), immutable=immutable)
        try:
            yield db
        finally:
            db.close()


def _open(path: Path, *, immutable: bool) -> Database:
    if path.is_dir():
        raise errors.StorageUnavailable(f"{path} is a directory, not a database")
    if not path.is_file():
        raise errors.StorageUnavailable(f"There is no database {path}")
    if immutable:
        return _begin(_immutable(path))
    try:
        return _begin(engine.reading(path))
    except Exception as error:
        if not _lacks_index(engine.error_of(error)):
            raise
        _refuse_changes_outside(path, is_full=has_cause(error, apsw.FullError))
    return _begin(_immutable(path))


def _refuse_changes_outside(path: Path, *, is_full: bool) -> None:
    """The file by itself is the whole database only while nothing stands in a log beside it."""
    kind = errors.StorageFull if is_full else errors.StorageUnavailable
    for log in (beside(path, "-wal"), beside(path, "-journal")):
        if log.exists() and log.stat().st_size > 0:
            raise kind(
                f"{log} holds changes that cannot be read where nothing can be written",
                hint=f"make room or copy {path} and {log} to another directory",
            )


def _lacks_index(error: apsw.Error | None) -> bool:
    """Reading a WAL database needs its -shm file, which cannot be made in a directory that is
    not writable, nor on a full disk."""
    shm_errors = (apsw.SQLITE_IOERR_SHMOPEN, apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMMAP)
    if isinstance(error, apsw.IOError):
        return getattr(error, "extendedresult", 0) in shm_errors
    return isinstance(error, (apsw.CantOpenError, apsw.ReadOnlyError, apsw.FullError))


def _begin(db: Database) -> Database:
    try:
        db.connect()
        with engine.full_told(db.connection()):
            db.execute_sql("BEGIN")
            db.execute_sql("SELECT count(*) FROM sqlite_schema").fetchall()
    except BaseException:
        db.close()
        raise
    return db


def _immutable(path: Path) -> Database:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return engine.APSWDatabase(f"file:{quote(str(path))}?immutable=1", flags=flags)


def remove(path: Path) -> None:
    """The database and its sidecars, as far as they exist."""
    for each in (path, *(beside(path, suffix) for suffix in SIDECARS)):
        each.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """A file's content, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_empty(path: Path) -> None:
    """With mode 0600. Raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def hand_over(path: Path, like: Path) -> None:
    """What root makes from a service user's file belongs to that user.

    That user may own the directory and put a link in the file's place meanwhile: only a directory
    or a file without a second name, and never what a link leads to, changes hands.
    """
    if os.geteuid() != 0:
        return
    owner = like.stat()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)


CHECK = "chatctl db check, and then chatctl db restore FILE, with the newest good backup"
NOT_A_DATABASE = "another file, or: chatctl db restore FILE, with the newest good backup"


@contextmanager
def failures(path: Path) -> Iterator[None]:
    """Failures of SQLite and of the system, as errors that name the file."""
    try:
        yield
    except (OSError, apsw.Error, PeeweeException) as error:
        raise _failure(path, error) from error


@contextmanager
def writing_failures(path: Path, connection: apsw.Connection) -> Iterator[None]:
    """As ``failures``, and what only the connection knows to be a full disk."""
    with failures(path), engine.full_told(connection):
        yield


def has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether it, or what it was raised for, is of that kind."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _failure(path: Path, error: Exception) -> errors.ChatctlError:
    if isinstance(error, OSError):
        return errors.unusable(path, error)
    if has_cause(error, apsw.FullError):
        return errors.no_room(path)
    if has_cause(error, apsw.CorruptError):
        return errors.CheckFailed(f"{path} is damaged: {engine.error_of(error)}", hint=CHECK)
    if has_cause(error, apsw.NotADBError):
        return errors.CheckFailed(f"{path} is not a SQLite database", hint=NOT_A_DATABASE)
    return errors.StorageUnavailable(f"{path} cannot be used: {engine.error_of(error) or error}")
