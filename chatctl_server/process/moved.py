"""A database file that was removed or moved while its server runs: the server still holds it."""

import shlex
from pathlib import Path

_DELETED = " (deleted)"


def hint(pid: int, path: Path) -> str:
    """What brings it back, with all that was acknowledged."""
    back = _commands(pid, path)
    if not back:
        return f"kill {pid}, put the file back, and start the server again"
    return f"{', '.join(back)}, then kill {pid} and start the server again"


def _commands(pid: int, path: Path) -> list[str]:
    """By the server's own handles of the files (proc(5)), each told once: where a file was moved
    to, or that it is in no directory any more."""
    found: dict[str, str] = {}
    try:
        for handle in sorted(Path(f"/proc/{pid}/fd").iterdir()):
            told = str(handle.readlink())
            place = Path(told.removesuffix(_DELETED))
            if place.name not in (path.name, f"{path.name}-wal"):
                continue
            target = path.with_name(place.name)
            if told.endswith(_DELETED):
                found.setdefault(place.name, shlex.join(["cp", str(handle), str(target)]))
            elif place != target:
                found[place.name] = shlex.join(["mv", str(place), str(target)])
    except OSError:
        return []
    return [command for _, command in sorted(found.items())]
