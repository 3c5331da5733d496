"""The types of events, and GLOBs on the command line: one that fits none is a slip of the pen.

A test compares them with the server's.
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from chatctl.shell.failures import usage

EVENTS = (
    "ban.lifted",
    "ban.set",
    "callbacks.recovered",
    "custom.sent",
    "delivery.resent",
    "endpoint.added",
    "endpoint.changed",
    "endpoint.removed",
    "message.deleted",
    "message.posted",
    "mute.lifted",
    "mute.set",
    "room.admins_set",
    "room.closed",
    "room.created",
    "room.renamed",
    "session.joined",
    "session.left",
    "sync.requested",
    "user.kicked",
)
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


def globs(given: Iterable[str], option: str) -> list[str]:
    """Of events: each may be several, with commas between them. Raises Failure ``usage``."""
    found = [glob.strip() for each in given for glob in each.split(",")]
    for glob in found:
        check(glob, option)
    return found


def check(glob: str, option: str, names: Sequence[str] = EVENTS) -> None:
    """Raises Failure ``usage`` when none of the names fits."""
    if not glob:
        raise usage(f"{option}: one of them is empty", f"{option} 'room.*,message.*'")
    # A shell negates a set with !, the server's SQLite with ^.
    if any(fnmatchcase(name, glob.replace("[^", "[!")) for name in names):
        return
    raise usage(f"{option}: no type of event fits '{glob}'", f"{option} {_meant(glob, names)}")


def _meant(glob: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    families = list(dict.fromkeys(_REST.sub(r"\1*", name) for name in names))
    close = get_close_matches(glob, [*families, *names], 3, cutoff=0.5)
    return " or ".join(f"'{each}'" for each in close or families)
