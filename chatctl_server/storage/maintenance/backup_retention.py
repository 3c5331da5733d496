"""Backups into a directory, named by their time, of which the newest are kept."""

import contextlib
import re
from pathlib import Path

import msgspec

from chatctl_server.domain import times
from chatctl_server.storage import files
from chatctl_server.storage.maintenance import backups, file_copies

# No backup runs that long, in microseconds.
ABANDONED = 24 * 3600 * times.SECOND
_NAME = r"-\d{4}-\d\d-\d\dT\d{6}Z\.db"


class BackedUpInto(backups.BackedUp, frozen=True):
    """``removed``: older backups of this database that are gone, oldest first; ``not_removed``:
    those that the system would not let go, and why."""

    removed: tuple[str, ...]
    not_removed: tuple[str, ...]


def backup_into(
    path: Path, directory: Path, keep: int | None, at: int, uploads: Path | None = None
) -> BackedUpInto:
    """As ``backups.backup``, then removes all but the newest ``keep`` of this database's own.

    Nothing is removed before the new backup is verified and on the disk. ``at``: microseconds.
    """
    original = files.real(path)
    target = directory.absolute() / f"{original.stem}-{_stamp(at)}.db"
    while target.exists():  # a second backup within a second
        at += times.SECOND
        target = target.with_name(f"{original.stem}-{_stamp(at)}.db")
    made = backups.backup(path, target, _sources(original, target.parent, uploads))
    excess = []
    if keep is not None:
        excess = _excess(own(original, target.parent), target, keep)
        _remove_abandoned(original, target.parent, at)
    removed, not_removed = _remove(excess)
    return BackedUpInto(
        **msgspec.structs.asdict(made), removed=tuple(removed), not_removed=tuple(not_removed)
    )


def _sources(original: Path, directory: Path, uploads: Path | None) -> list[Path]:
    """Where files are looked for: what the backup before has needs no further room."""
    before = [file_copies.beside(each) for each in own(original, directory)[-1:]]
    return [] if uploads is None else [*before, uploads]


def _stamp(at: int) -> str:
    return times.rfc3339(at)[:19].replace(":", "") + "Z"


def own(original: Path, directory: Path) -> list[Path]:
    """Backups that were made of this very file into this directory, oldest first.

    Name and manifest say so: a copy that somebody has named otherwise is theirs. Of one that was
    being removed when the power failed, only the manifest is left.
    """
    pattern = re.compile(re.escape(original.stem) + _NAME)
    names = (each.name.removesuffix(".json") for each in directory.glob("*.db.json"))
    possible = sorted(directory / name for name in names if pattern.fullmatch(name))
    return [each for each in possible if _database_of(each) == str(original)]


def _database_of(backup: Path) -> str | None:
    try:
        content = backups.manifest_path(backup).read_bytes()
        return msgspec.json.decode(content, type=backups.Manifest).database
    except (OSError, msgspec.DecodeError):
        return None


def _excess(found: list[Path], newest: Path, keep: int) -> list[Path]:
    """The new one stays, whatever the clock said to the others."""
    older = [each for each in found if each != newest]
    whole = [each for each in older if each.exists()]
    too_old = whole[: max(0, len(whole) - (keep - 1))]
    return [each for each in older if too_old and each <= too_old[-1]]


def _remove_abandoned(original: Path, directory: Path, at: int) -> None:
    """Half copies of backups that were killed: each is as large as a whole one."""
    pattern = re.compile(rf"\.{re.escape(original.stem)}{_NAME}(\.json)?\.[^.]+\.part")
    for each in directory.glob(".*.part"):
        with contextlib.suppress(OSError):  # another backup's, which has its name by now
            if pattern.fullmatch(each.name) and each.stat().st_mtime_ns // 1000 < at - ABANDONED:
                each.unlink()


def _remove(excess: list[Path]) -> tuple[list[str], list[str]]:
    removed, not_removed = [], []
    for each in excess:
        try:
            # The manifest last: without it nobody knows any more whose the backup is.
            each.unlink(missing_ok=True)
            file_copies.remove(each)
            backups.manifest_path(each).unlink()
            removed.append(str(each))
        except OSError as error:
            not_removed.append(f"{each}: {error.strerror}")
    return removed, not_removed
