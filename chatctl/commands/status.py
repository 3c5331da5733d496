"""``chatctl status``."""

from chatctl.link import connection
from chatctl.shell.options import Options, verb
from chatctl.show import output
from chatctl.show.output import Column

_COLUMNS = (
    Column("version", "version", "id"),
    Column("health", "health", "id"),
    Column("address", "address", "id"),
    Column("database", "database", "id"),
    Column("database_bytes", "size", "bytes"),
    Column("durable", "durable"),
    Column("schema", "schema", "number"),
    Column("pid", "pid", "number"),
    Column("started_at", "started", "time"),
    Column("uptime_seconds", "uptime", "seconds"),
    Column("connections", "connections", "number"),
    Column("rooms_open", "rooms open", "number"),
    Column("rooms_closed", "rooms closed", "number"),
    Column("messages", "messages", "number"),
    Column("last_offset", "last offset", "number"),
    Column("backlog", "backlog"),
)


@verb(
    "status",
    examples=("chatctl status", "chatctl status --server https://chat.example.org --json"),
    exits=(3, 4),
    because={
        0: "also without a server, from the file: health is not_running then",
        6: "with --server, it does not answer, as a monitor wants to know",
    },
)
def status(options: Options) -> None:
    """Show version, uptime, address, database, connections, rooms and backlog."""
    with connection.open(options) as server:
        found = server.get("/management/status")
    output.record(options, _COLUMNS, found)
