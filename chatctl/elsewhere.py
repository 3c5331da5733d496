"""Of a server that runs with another database than the one that is configured here."""

from pathlib import Path
from typing import TYPE_CHECKING

from chatctl import connection, output
from chatctl.failures import Failure
from chatctl.options import Options

if TYPE_CHECKING:
    from chatctl_server.lock import Holder


def note(options: Options, database: Path | None, configuration: Path | None) -> None:
    """Says so, because its other settings, as the secret of tokens, may be others, too. Whoever
    gives ``--config`` knows which ones they mean.

    Servers register their database; which configuration they read is not known.
    """
    if options.config is not None:
        return
    from chatctl_server import servers

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
    from chatctl_server import lock

    if database is None:
        return False
    try:
        with connection.server_errors():
            holder = lock.read(lock.lock_path(database))
    except Failure:
        return True  # it is not for us to know
    return holder is not None and holder.ready
