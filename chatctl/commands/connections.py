"""``chatctl connections``: who is connected, over all rooms."""

from chatctl.link import connection
from chatctl.shell.options import Options, verb
from chatctl.show import output

_LIST = output.columns(
    "room_name ROOM; user_id USER id; nickname NAME; address ADDRESS id; join_time JOINED time; "
    "room_id ROOM_ID id"
)


@verb("ls", "chatctl connections ls", "chatctl connections --json", exits=(3, 4), columns=_LIST)
def ls(options: Options) -> None:
    """List who is connected, in the order of their joins; without a server, nobody."""
    with connection.open(options) as server:
        found = server.get("/management/connections")
    output.rows(options, _LIST, found)
