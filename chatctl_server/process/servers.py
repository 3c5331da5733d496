"""This user's running servers: each registers an entry, which names the lock that it holds.

As with a lock's content, an entry only leads somewhere: whether that server runs says its lock.
"""

import os
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from chatctl_server.errors import StorageFull, StorageUnavailable, unusable
from chatctl_server.process import lock
from chatctl_server.process.lock import Holder, Lock


class _Entry(msgspec.Struct):
    lock: str


def runtime_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user's servers register; created with mode 0700."""
    problem: StorageFull | StorageUnavailable | None = None
    for directory in _runtime_dirs(environ):
        try:
            return _private(directory)
        except (StorageFull, StorageUnavailable) as error:
            problem = problem or error
    raise problem or StorageUnavailable("no directory for running servers")


def _private(directory: Path) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise StorageUnavailable(f"{directory} is not this user's own directory")
        if stat.S_IMODE(status.st_mode) != 0o700:
            directory.chmod(0o700)
    except OSError as error:
        raise unusable(directory, error) from error
    return directory


def _runtime_dirs(environ: Mapping[str, str]) -> list[Path]:
    """The first usable one is for writing, all are read: cron has no XDG_RUNTIME_DIR.

    The last is for services whose user has no home directory.
    """
    places = [
        Path(environ.get("HOME") or Path.home(), ".local/state/chatctl"),
        Path(environ.get("TMPDIR") or "/tmp", f"chatctl-{os.geteuid()}"),  # noqa: S108 - _private
    ]
    runtime = Path(environ.get("XDG_RUNTIME_DIR", ""))
    # After su the variable names the directory of somebody else.
    if runtime.is_absolute() and _is_own(runtime):
        places.insert(0, runtime / "chatctl")
    return places


def _is_own(directory: Path) -> bool:
    try:
        return directory.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def register(held: Lock, directory: Path) -> None:
    """Makes a server known to ``running`` until it releases its lock."""
    name = zlib.crc32(os.fsencode(held.path))
    entry = directory / f"{held.holder.pid}-{held.holder.start_time}-{name:08x}.json"
    part = entry.with_suffix(".part")
    try:
        part.touch(0o600)
        part.write_bytes(msgspec.json.encode(_Entry(str(held.path))))
        part.replace(entry)
    except OSError as error:
        raise unusable(entry, error) from error
    held.registered_as(entry)


def running(environ: Mapping[str, str] = os.environ) -> list[Holder]:
    """This user's ready servers. Entries of dead ones are removed."""
    holders = []
    for directory in filter(_is_own, _runtime_dirs(environ)):
        for entry in sorted(directory.glob("*.json")):
            holder = _registered(entry)
            if holder is None:
                entry.unlink(missing_ok=True)
            elif holder.ready:
                holders.append(holder)
    return holders


def having(database: Path) -> Holder | None:
    """The ready server of this user that has a database, also when its file is gone."""
    return next((each for each in running() if each.database == str(database)), None)


def _registered(entry: Path) -> Holder | None:
    """None when the server of this entry, whose pid and start are in the name, is gone. One whose
    database was removed or moved with its lock still has both."""
    try:
        path = msgspec.json.decode(entry.read_bytes(), type=_Entry).lock
        holder = lock.read(Path(path))
    except (OSError, msgspec.DecodeError):
        return None
    except StorageUnavailable:
        return lock.UNKNOWN
    if holder is None or not entry.name.startswith(f"{holder.pid}-{holder.start_time}-"):
        pid, start_time = entry.name.split("-")[:2]
        return lock.lost_by(int(pid), int(start_time))
    return holder


def remove_dead(directory: Path) -> list[Holder]:
    """Removes what servers in memory left that were killed, and returns who they were."""
    dead = []
    for path in sorted(directory.glob("memory-*.lock")):
        with lock.left_by_the_dead(path) as holder:
            if holder is not None:
                dead.append(holder)
                _remove_family(path)
    return dead


def _remove_family(path: Path) -> None:
    """The lock last: it is what the rest is found by."""
    for sibling in path.parent.glob(f"{path.stem}.*"):
        if sibling != path:
            sibling.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
