"""``chatctl status``."""

import time
from pathlib import Path

from chatctl.input import endpoints, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, verb
from chatctl.show import failed, output

_COLUMNS = output.columns(
    "version version id; health health id; address address id; database database id; "
    "database_bytes size bytes; durable durable; schema schema number; pid pid number; "
    "started_at started time; uptime_seconds uptime seconds; connections connections number; "
    "rooms_open rooms open number; rooms_closed rooms closed number; messages messages number; "
    "last_offset last offset number; backlog backlog; callbacks_pending callbacks pending number; "
    "callbacks_failed callbacks failed number; oldest_failed_at oldest failed time"
)
_DESK = output.columns(
    "conversations_open conversations open number; "
    "conversations_waiting conversations waiting number"
)
_LONG_SECONDS = 60.0  # for a callback to be on its way


@verb(
    "status",
    "chatctl status",
    "chatctl status --server https://chat.example.org --json",
    exits=(3, 4),
    because={
        10: "the server cannot use its database",
        0: "also without a server, from the file: health is not_running then",
        6: "with --server, it does not answer, as a monitor wants to know",
    },
)
def status(options: Options) -> None:
    """Show version, uptime, address, database, connections, rooms and who or what waits."""
    with connection.open(options) as server:
        found = _figures(server)
        receiving = server.get(endpoints.PATH) if found.get("callbacks_pending") else []
    columns = (*_COLUMNS, *_DESK) if found.get("conversations_open") else _COLUMNS
    output.record(options, columns, found)
    if found.get("health") == "unhealthy":
        from chatctl_server.process import moved

        raise Failure(
            "check_failed",
            f"the server cannot use its database {found['database']}",
            f"its log; {moved.hint(found['pid'], Path(found['database']))}",
        )
    if found.get("database_error"):
        output.note(options, f"the last change failed: {found['database_error']}")
    failed.tell(options, found.get("callbacks_failed", 0), found.get("oldest_failed_at"))
    _tell_late(options, receiving)


def _tell_late(options: Options, receiving: list[Json]) -> None:
    """What waits for an endpoint that is disabled is no trouble."""
    late = [each for each in receiving if each["pending"] and each["status"] == "enabled"]
    oldest = min((each["oldest_pending_at"] for each in late), default=None)
    if oldest is not None and time.time() - oldest > _LONG_SECONDS and not options.quiet:
        pending = sum(each["pending"] for each in late)
        output.note(options, f"callbacks pending: {pending:,}, since {times.rfc3339(oldest)}")
        output.suggest(options, "chatctl", "callbacks", "ls")


def _figures(server: Client) -> Json:
    """Raises Failure ``check_failed``, too, where a read of the database fails."""
    try:
        return server.get("/management/status")
    except Failure as failure:
        if failure.code != "storage_unavailable":
            raise
        raise Failure(
            "check_failed",
            f"the server cannot use its database: {failure.message}",
            "its log, and chatctl db check beside the database",
        ) from None
