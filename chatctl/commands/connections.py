"""``chatctl connections``: who is connected, over all rooms."""

from chatctl.link import connection
from chatctl.shell.options import Options, verb
from chatctl.show import output
from chatctl.show.output import Column

_LIST = (
    Column("room_name", "ROOM"),
    Column("user_id", "USER", "id"),
    Column("nickname", "NAME"),
    Column("address", "ADDRESS", "id"),
    Column("join_time", "JOINED", "time"),
    Column("room_id", "ROOM_ID", "id"),
)


@verb(
    "ls",
    examples=("chatctl connections ls", "chatctl connections --json"),
    exits=(3, 4),
    columns=_LIST,
)
def ls(options: Options) -> None:
    """List who is connected, in the order of their joins; without a server, nobody."""
    with connection.open(options) as server:
        found = server.get("/management/connections")
    output.rows(options, _LIST, found)
