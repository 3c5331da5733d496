"""Of a server that runs with another database, or other settings, than are configured here."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from chatctl.link import connection
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options
from chatctl.show import output

if TYPE_CHECKING:
    from chatctl_server.process.lock import Configured, Holder
    from chatctl_server.settings.sources import Loaded

OF_TOKENS = frozenset({"ROOM_IDENTITY", "ROOM_TOKEN_SECRET"})
_MOST_NAMES = 5


def note(options: Options, database: Path | None, configuration: Path | None) -> None:
    """Says so, because its other settings, as the secret of tokens, may be others, too. Whoever
    names a configuration knows which ones they mean."""
    if options.config is not None or os.environ.get("CHAT_CONFIG"):
        return
    from chatctl_server.process import servers

    running = servers.running()
    ours = None if database is None else str(database)
    if not running or any(_database(holder) == ours for holder in running) or _is_served(database):
        return
    who = "a server is running" if len(running) == 1 else "servers are running"
    theirs = ", ".join(sorted(map(_described, running)))
    where = "what is configured here" if configuration is None else str(configuration)
    named = "names no database file" if ours is None else f"names {ours}"
    output.note(
        options,
        f"warning: {who} with {theirs}, and {where} {named}: other settings may differ, too; "
        "--config FILE names the configuration of that server",
    )


def _database(holder: "Holder") -> str | None:
    return None if holder.in_memory else holder.database


def _described(holder: "Holder") -> str:
    database = "a database in memory" if holder.in_memory else holder.database
    return f"{database} (pid {holder.pid})"


def _is_served(database: Path | None) -> bool:
    """Also by another user's server, which does not register with us."""
    if database is None:
        return False
    try:
        return _server_of(database) is not None
    except Failure:
        return True  # it is not for us to know


def _server_of(database: Path) -> "Holder | None":
    from chatctl_server.process import lock

    with connection.server_errors():
        holder = lock.read(lock.lock_path(database))
    return holder if holder is not None and holder.ready else None


def note_others(options: Options, loaded: "Loaded", names: Collection[str] = ()) -> None:
    """Says which of these settings the server that runs was started with other values of."""
    for warning in other_settings(loaded, names):
        output.note(options, f"warning: {warning}")


def other_settings(loaded: "Loaded", names: Collection[str] = ()) -> list[str]:
    """The warning, if there is one, of the server that uses this database; without ``names`` of
    all settings. Older servers do not tell."""
    from chatctl_server.process import fingerprints

    holder = _of_this_database(loaded)
    if holder is None or holder.configured is None:
        return []
    found = fingerprints.differing(holder.configured, loaded.settings)
    found = [name for name in found if not names or name in names]
    if not found:
        return []
    return [
        f"the server that runs (pid {holder.pid}) was started with other values of "
        f"{_listed(found)}: {_reason(found, holder.configured, loaded)}"
    ]


def _of_this_database(loaded: "Loaded") -> "Holder | None":
    from chatctl_server.process import servers
    from chatctl_server.settings.sources import database_path

    path = database_path(loaded.settings.database_url)
    if path is None:
        found = [holder for holder in servers.running() if holder.in_memory]
        return found[0] if len(found) == 1 else None
    try:
        return _server_of(path)
    except Failure:
        return None  # it is not for us to know


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _reason(names: list[str], theirs: "Configured", loaded: "Loaded") -> str:
    """Why they differ: another file, another environment, or the file was changed since."""
    from chatctl_server.process import fingerprints

    ours = None if loaded.config_path is None else str(loaded.config_path)
    if theirs.file != ours:
        return f"it read {theirs.file or 'no configuration file'}, and here {_read(ours)}"
    if not set(names).isdisjoint([*theirs.environment, *fingerprints.from_environment(loaded)]):
        return "its environment is not the one of this command"
    return "they take effect at its next start"


def _read(file: str | None) -> str:
    return "none is read" if file is None else f"{file} is read"
