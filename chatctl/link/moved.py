"""A database file that was removed or moved while its server runs: the server still holds it."""

from pathlib import Path


def hint(pid: int, path: Path) -> str:
    """What brings it back, with all that was acknowledged."""
    copies = [f"cp {source} {target}" for source, target in _held(pid, path)]
    if not copies:
        return f"kill {pid}, put the file back, and start the server again"
    return (
        f"move it back, if it was moved; else {', '.join(copies)}, "
        f"then kill {pid} and start the server again"
    )


def _held(pid: int, path: Path) -> list[tuple[str, str]]:
    """The server's own handles of the files that are gone (proc(5)), and their names."""
    found: dict[str, str] = {}
    try:
        for handle in sorted(Path(f"/proc/{pid}/fd").iterdir()):
            name = str(handle.readlink()).removesuffix(" (deleted)")
            if name in (str(path), f"{path}-wal"):
                found.setdefault(name, str(handle))
    except OSError:
        return []
    return [(handle, name) for name, handle in sorted(found.items())]
