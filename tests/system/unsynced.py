"""A SQLite VFS that remembers what was synced: the disk as a power loss would leave it.

Every change of a file goes into one journal, in order. ``image`` rebuilds the files as they could
be if the power failed at one place of it: what a file's last sync covers is there, and of what
came later any 512-byte sectors, or none.
"""

import random
from pathlib import Path
from typing import Literal, NamedTuple

import apsw

SECTOR = 512
Survival = Literal["none", "prefix", "sectors"]


class Change(NamedTuple):
    """``data`` at ``offset``; None truncates there. ``sync``: what came before is on the disk."""

    name: str
    kind: Literal["write", "truncate", "sync", "delete", "mark"]
    offset: int = 0
    data: bytes = b""


class Disk(apsw.VFS):
    """Registered under ``name`` while it lives; the files are real ones, too."""

    def __init__(self, name: str) -> None:
        self.journal: list[Change] = []
        self._start: dict[str, bytes] = {}
        super().__init__(name, "")

    def hold(self, *files: Path) -> None:
        """What is in these files now is on the disk."""
        self._start = {file.name: file.read_bytes() for file in files if file.exists()}

    def mark(self) -> None:
        """What was promised up to here must survive what comes."""
        self.journal.append(Change("", "mark"))

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _File(self.journal, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.journal.append(Change(Path(filename).name, "delete"))
        super().xDelete(filename, syncdir)

    def image(self, end: int, survival: Survival, chance: random.Random) -> dict[str, bytes]:
        """Each file's content after a power loss before the change number ``end``."""
        synced = {name: bytearray(content) for name, content in self._start.items()}
        pending: dict[str, list[Change]] = {}
        for change in self.journal[:end]:
            match change.kind:
                case "sync":
                    for late in pending.pop(change.name, []):
                        _apply(synced.setdefault(change.name, bytearray()), late)
                case "delete":
                    synced.pop(change.name, None)
                    pending.pop(change.name, None)
                case "write" | "truncate":
                    pending.setdefault(change.name, []).append(change)
        for name, changes in pending.items():
            for change in _survivors(changes, survival, chance):
                _apply(synced.setdefault(name, bytearray()), change)
        return {name: bytes(content) for name, content in synced.items()}


def _apply(content: bytearray, change: Change) -> None:
    if change.kind == "truncate":
        del content[change.offset :]
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data


def _survivors(changes: list[Change], survival: Survival, chance: random.Random) -> list[Change]:
    if survival == "none":
        return []
    if survival == "prefix":
        return changes[: chance.randint(0, len(changes))]
    sectors = [piece for change in changes for piece in _torn(change)]
    return [sector for sector in sectors if chance.random() < 0.5]


def _torn(change: Change) -> list[Change]:
    """By the sectors of the file, not of the write."""
    if change.kind == "truncate":
        return [change]
    pieces, at = [], change.offset
    while at < change.offset + len(change.data):
        next_at = min((at // SECTOR + 1) * SECTOR, change.offset + len(change.data))
        piece = change.data[at - change.offset : next_at - change.offset]
        pieces.append(Change(change.name, "write", at, piece))
        at = next_at
    return pieces


class _File(apsw.VFSFile):
    def __init__(
        self,
        journal: list[Change],
        path: str | None,
        name: "str | apsw.URIFilename | None",
        flags: list[int],
    ) -> None:
        self._journal = journal
        self._name = Path(path).name if path else ""
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._journal.append(Change(self._name, "write", offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._journal.append(Change(self._name, "truncate", newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._journal.append(Change(self._name, "sync"))
        super().xSync(flags)
