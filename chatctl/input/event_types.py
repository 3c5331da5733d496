"""The types of events, and GLOBs on the command line: one that fits none is a slip of the pen."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from chatctl.shell.failures import usage

CALLBACKS = (
    "room_created",
    "room_closed",
    "user_joined",
    "user_left",
    "chat_history_batch",
    "session_history_batch",
    "periodic_sync",
    "data_sync",
)
"""As the documents name them: what the URLs of the settings get."""
SAMPLE = "test"
"""What ``callbacks test`` sends to an endpoint that was added."""
_REST = re.compile(r"([._]).*")


def events() -> tuple[str, ...]:
    """Those of the server, whose table only the commands load that ask for it."""
    from chatctl_server.domain.events import TYPE_NAMES

    return TYPE_NAMES


def globs(given: Iterable[str], option: str) -> list[str]:
    """Of events: each may be several, with commas between them. Raises Failure ``usage``."""
    found = [glob.strip() for each in given for glob in each.split(",")]
    for glob in found:
        check(glob, option)
    return found


def check(glob: str, option: str, others: Sequence[str] = ()) -> None:
    """Raises Failure ``usage`` when it fits no event, nor any of the other names."""
    if not glob:
        raise usage(f"{option}: one of them is empty", f"{option} 'room.*'")
    names = (*events(), *others)
    # A shell negates a set with !, the server's SQLite with ^.
    if any(fnmatchcase(name, glob.replace("[^", "[!")) for name in names):
        return
    raise usage(f"{option}: no type of event fits '{glob}'", f"{option} {_meant(glob, names)}")


def _meant(glob: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    families = list(dict.fromkeys(_REST.sub(r"\1*", name) for name in names))
    close = get_close_matches(glob, [*families, *names], 3, cutoff=0.5)
    return " or ".join(f"'{each}'" for each in close or families)
