"""Whether this command and a server go together: one major version, and best one minor."""

from collections.abc import Callable

import chatctl
from chatctl.shell.failures import Failure

HEADER = "x-chatctl-version"


def check(name: str, theirs: str | None, note: Callable[[str], None]) -> None:
    """``note`` is told of another minor version. Raises Failure ``version_mismatch`` for another
    major one; a server that names none is not asked further."""
    ours = chatctl.__version__
    if theirs is None or _parts(theirs)[:2] == _parts(ours)[:2]:
        return
    if _parts(theirs)[:1] != _parts(ours)[:1]:
        raise Failure(
            "version_mismatch",
            f"{name} is chatctl {theirs}, and this command is {ours}",
            f"the chatctl of the server: pip install chatctl=={theirs}",
        )
    older = "older" if _parts(ours) < _parts(theirs) else "newer"
    note(f"{name} is chatctl {theirs}; this command is {older} ({ours})")


def _parts(version: str) -> tuple[int, ...]:
    """``1.12.0rc1`` is (1, 12); what is no number ends it."""
    found = []
    for part in version.split(".")[:2]:
        if not (part.isascii() and part.isdigit()):
            break
        found.append(int(part))
    return tuple(found)
