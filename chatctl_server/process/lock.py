"""Who uses a database: ``<db>.lock`` is held (``flock``) by one server or one writing command.

The lock is the truth and the file's content only describes its holder: what stands in a file
that nobody holds means nothing, and a holder that dies is gone at once. The file goes with its
holder only where no database is beside it: in memory, or where none came to be.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

import msgspec

from chatctl_server.errors import LockHeld, unusable
from chatctl_server.process import moved

POLL_SECONDS = 0.02
# How long a holder may take from its lock to its first word. A stranger's shared lock is waited
# for as long, whatever the caller's own patience.
FIRST_WORD_SECONDS = 0.3

Role = Literal["server", "command", "unknown"]
State = Literal["starting", "ready", "stopping", "working"]


class Configured(msgspec.Struct, frozen=True):
    """What a server was started with; see ``fingerprints``. ``file``: the configuration file it
    read; ``environment``: the settings whose values came from its environment."""

    file: str | None
    salt: str
    fingerprints: dict[str, str]
    environment: list[str] = []


class Holder(msgspec.Struct, frozen=True, omit_defaults=True):
    """``start_time``: clock ticks after boot, see proc(5); with it a reused pid is told apart.

    ``unknown`` is a program that took the lock without describing itself, as flock(1) does.
    """

    role: Role
    state: State
    pid: int = 0
    start_time: int = 0
    url: str | None = None
    socket: str | None = None
    version: str | None = None
    key_file: str | None = None
    database: str | None = None
    in_memory: bool = False
    configured: Configured | None = None

    @property
    def ready(self) -> bool:
        return self.role == "server" and self.state == "ready"


UNKNOWN = Holder("unknown", "working")


class Lock:
    """Held until ``release``, or until the process ends. Not inherited by programs it starts."""

    def __init__(self, path: Path, fd: int, holder: Holder) -> None:
        self.path = path
        self.holder = holder
        self._fd = fd
        self._entry: Path | None = None

    def ready(
        self,
        url: str | None,
        socket: str | None,
        version: str,
        key_file: str | None = None,
        configured: Configured | None = None,
    ) -> None:
        """The server listens: from here on commands use it instead of waiting.

        In a file that others may read, as flock(1) may have made it, no settings are marked.
        """
        is_ours_alone = not os.fstat(self._fd).st_mode & 0o077
        self._describe(
            msgspec.structs.replace(
                self.holder,
                state="ready",
                url=url,
                socket=socket,
                version=version,
                key_file=key_file,
                configured=configured if is_ours_alone else None,
            )
        )

    def stopping(self) -> None:
        """Whoever wants the database waits for the lock again."""
        self._describe(msgspec.structs.replace(self.holder, state="stopping"))

    def _describe(self, holder: Holder) -> None:
        self.holder = holder
        _write(self._fd, self.path, holder)

    def registered_as(self, entry: Path) -> None:
        """``release`` removes the entry."""
        self._entry = entry

    def release(self) -> None:
        """May be called twice."""
        if self._fd < 0:
            return
        if self._entry is not None:
            self._entry.unlink(missing_ok=True)
        if not _database(self.path).exists():
            self.path.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock_path(database: Path) -> Path:
    """The same for every name of one file: links are followed."""
    return Path(os.path.realpath(database) + ".lock")


def _database(path: Path) -> Path:
    return Path(str(path).removesuffix(".lock"))


def acquire(
    path: Path, role: Role, timeout_seconds: float = 10, *, database: str | None = None
) -> Lock:
    """Waits for commands and for servers that start or stop; a ready server is refused at once.

    ``database`` names what the holder uses when the path does not, as in memory.
    """
    fd = _exclusive(path, time.monotonic() + timeout_seconds)
    pid = os.getpid()
    holder = Holder(
        role,
        "starting" if role == "server" else "working",
        pid,
        process_start_time(pid) or 0,
        database=database,
        in_memory=_in_memory(path),
    )
    taken = Lock(path, fd, holder)
    try:
        taken._describe(holder)
    except BaseException:
        taken.release()
        raise
    return taken


def read(path: Path) -> Holder | None:
    """Who holds the lock now; None is free."""
    first_word_by = time.monotonic() + FIRST_WORD_SECONDS
    while True:
        holder = _probe(path)
        # Between its lock and its first word a holder seems to be the one before it. A process
        # that is not in our /proc may still be alive in another container.
        if holder is None or _is_alive(holder) or time.monotonic() >= first_word_by:
            return holder
        time.sleep(POLL_SECONDS)


def lost_by(pid: int, start_time: int) -> Holder | None:
    """Who a process is that holds a lock of another name than it had, or of none; None when it has
    ended."""
    if process_start_time(pid) != start_time:
        return None
    try:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            if str(handle.readlink()).removesuffix(" (deleted)").endswith(".lock"):
                holder = msgspec.json.decode(handle.read_bytes(), type=Holder)
                if (holder.pid, holder.start_time) == (pid, start_time):
                    return holder
    except (OSError, msgspec.DecodeError):
        pass
    return None


def wait_ready(path: Path, timeout_seconds: float = 10) -> Holder | None:
    """The ready server that holds the lock, or None as soon as it is free."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        holder = read(path)
        if holder is None or holder.ready:
            return holder
        if time.monotonic() >= deadline:
            raise held(path, holder)
        time.sleep(POLL_SECONDS)


def held(path: Path, holder: Holder) -> LockHeld:
    database = holder.database or str(_database(path))
    known = holder.role != "unknown"
    who = f"{holder.role} pid {holder.pid}" if known else "another program"
    if holder.ready and not Path(database).exists():
        return LockHeld(
            f"{database} was removed while the server (pid {holder.pid}) has it",
            hint=moved.hint(holder.pid, Path(database)),
        )
    if holder.ready:
        return LockHeld(
            f"{database} is in use by {who}", hint=f"stop that server first: kill {holder.pid}"
        )
    doing = f" ({holder.state})" if holder.role == "server" else ""
    return LockHeld(
        f"{database} is in use by {who}{doing}", hint="wait longer with --lock-timeout SECONDS"
    )


def process_start_time(pid: int) -> int | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses itself.
    return int(line.rpartition(b")")[2].split()[19])


def _is_alive(holder: Holder) -> bool:
    return holder.pid > 0 and process_start_time(holder.pid) == holder.start_time


def _exclusive(path: Path, deadline: float) -> int:
    first_word_by = time.monotonic() + FIRST_WORD_SECONDS
    while True:
        fd = _open(path)
        try:
            outcome = _try_exclusive(fd, path)
        except BaseException:
            os.close(fd)
            raise
        if outcome == "mine":
            return fd
        os.close(fd)
        now = time.monotonic()
        holder = read(path) if outcome == "held" else UNKNOWN
        patience = deadline if outcome == "held" else max(deadline, first_word_by)
        if holder is not None and (holder.ready or now >= patience):
            raise held(path, holder)
        time.sleep(POLL_SECONDS if outcome == "held" else POLL_SECONDS / 10)


def _try_exclusive(fd: int, path: Path) -> Literal["mine", "held", "again"]:
    """``again``: only a reader's shared lock of some microseconds stood in the way."""
    if not _flock(fd, path, fcntl.LOCK_EX):
        return "again" if _flock(fd, path, fcntl.LOCK_SH) else "held"
    return "mine" if _is_current(fd, path) else "again"


def _is_current(fd: int, path: Path) -> bool:
    """Whether the locked file is still the one that others find under the name."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def _flock(fd: int, path: Path, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise unusable(path, error) from error
    return True


def _probe(path: Path) -> Holder | None:
    try:
        fd = _opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, error) from error
    try:
        return None if _flock(fd, path, fcntl.LOCK_SH) else _described(fd)
    finally:
        os.close(fd)


def _described(fd: int) -> Holder:
    try:
        return msgspec.json.decode(os.pread(fd, 65_536, 0), type=Holder)
    except msgspec.DecodeError:
        return UNKNOWN


def _open(path: Path) -> int:
    try:
        fd = _opened(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        _hand_over(fd, path)
    except OSError as error:
        os.close(fd)
        raise unusable(path, error) from error
    return fd


def _opened(path: Path, flags: int) -> int:
    """In the place of the file a pipe, whose opening could wait for ever, is refused."""
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISFIFO(mode) and not stat.S_ISDIR(mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "it is no plain file")


def _hand_over(fd: int, path: Path) -> None:
    """What root creates beside the database of a service user must stay usable for that user."""
    if os.geteuid() != 0:
        return
    database = _database(path)
    owner = (database if database.exists() else path.parent).stat()
    if os.fstat(fd).st_uid != owner.st_uid:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _write(fd: int, path: Path, holder: Holder) -> None:
    text = msgspec.json.encode(holder)
    try:
        # One write over all of the old text: no reader meets a rest of it.
        os.pwrite(fd, text.ljust(os.fstat(fd).st_size), 0)
    except OSError as error:
        raise unusable(path, error) from error


def memory_lock_path(directory: Path) -> Path:
    """Of a database in memory. What belongs to it is named alike: ``memory-….sock``."""
    return directory / f"memory-{os.getpid()}-{secrets.token_hex(4)}.lock"


def _in_memory(path: Path) -> bool:
    return path.name.startswith("memory-")


@contextmanager
def left_by_the_dead(path: Path) -> Iterator[Holder | None]:
    """Who died while they held it; it is ours for the block, so that what else they left can be
    removed. None while somebody holds it, or when it is not ours to open."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield _described(fd) if _try_exclusive(fd, path) == "mine" else None
    finally:
        os.close(fd)
