"""Where a server's files are: the database, and what lies beside it."""

import hashlib
import os
import secrets
import shlex
import shutil
import tempfile
from pathlib import Path

import msgspec

from chatctl_server.errors import StorageUnavailable, no_directory, unusable
from chatctl_server.process import lock
from chatctl_server.settings.sources import Settings, database_path

LONGEST_SOCKET_PATH = 107  # bytes that sockaddr_un holds


class Paths(msgspec.Struct, frozen=True):
    """``is_temporary``: the database is in memory, in a directory of its own."""

    database: Path
    lock_path: Path
    socket_path: Path
    key_file: Path
    is_temporary: bool
    notices: list[str] = []  # for the start, once the server listens
    warnings: list[str] = []

    @property
    def is_durable(self) -> bool:
        return not self.is_temporary

    @property
    def jwt_secret_file(self) -> Path:
        return self.database.with_name(self.database.name + ".jwt-secret")

    def admin_key(self) -> tuple[str, bool]:
        """The key in the key file, and whether it was generated now.

        The file has mode 0600 and is there whole or not at all; an empty one is as good as none.
        Raises StorageUnavailable, StorageFull.
        """
        return self._generated(self.key_file, "the API key, and commands refuse it")

    def jwt_secret(self) -> str:
        """The secret of access tokens, from a file as the admin key's."""
        return self._generated(self.jwt_secret_file, "the secret of access tokens")[0]

    def _generated(self, file: Path, what: str) -> tuple[str, bool]:
        try:
            found = file.read_text().strip() if file.exists() else ""
            if found:
                if file.stat().st_mode & 0o077:
                    self.warnings.append(
                        f"others may read {what}: chmod 600 {shlex.quote(str(file))}"
                    )
                return found, False
            secret = secrets.token_urlsafe(32)
            _write_secret(file, secret)
        except OSError as error:
            raise unusable(file, error) from error
        except UnicodeDecodeError as error:
            raise StorageUnavailable(f"{file} cannot be used: {error}") from error
        return secret, True

    def remove_if_temporary(self) -> None:
        if self.is_temporary:
            shutil.rmtree(self.database.parent, ignore_errors=True)
            self.key_file.unlink(missing_ok=True)


def _write_secret(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def find_paths(settings: Settings, directory: Path) -> Paths:
    """``directory`` is where this user's servers register."""
    path = database_path(settings.database_url)
    if path is None:
        lock_path = lock.memory_lock_path(directory)
        return Paths(
            database=_temporary_directory() / "chat.db",
            lock_path=lock_path,
            socket_path=lock_path.with_suffix(".sock"),
            key_file=lock_path.with_suffix(".admin-key"),
            is_temporary=True,
        )
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise no_directory(real.parent)
    return Paths(
        database=real,
        lock_path=lock.lock_path(real),
        socket_path=_socket_path(real, directory),
        key_file=real.with_name(real.name + ".admin-key"),
        is_temporary=False,
    )


def upload_dir(settings: Settings, database: Path) -> Path:
    """Where uploaded files are; it need not be there yet."""
    if settings.upload_dir is None:
        return database.with_name(database.name + ".files")
    return Path(settings.upload_dir).expanduser().absolute()


def _temporary_directory() -> Path:
    """0700, in memory where the machine offers it."""
    shared = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a directory of our own in it
    root = shared if os.access(shared, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="chatctl-", dir=root))


def _socket_path(database: Path, directory: Path) -> Path:
    beside = database.with_name(database.name + ".admin.sock")
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_PATH:
        return beside
    digest = hashlib.sha256(os.fsencode(database)).hexdigest()
    return directory / f"{digest[:32]}.sock"
