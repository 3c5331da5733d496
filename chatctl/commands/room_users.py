"""``chatctl room-users``: what there is of a user, over all rooms."""

from typing import Annotated

import typer

from chatctl.link import client, connection
from chatctl.shell.options import Options, verb
from chatctl.show import output
from chatctl.show.output import Column

PATH = "/management/room-users"
_USER = (
    Column("user_id", "user", "id"),
    Column("messages", "messages", "number"),
    Column("sessions", "sessions", "number"),
    Column("banned", "banned everywhere"),
    Column("muted", "muted everywhere"),
)
_ROOMS = (
    Column("room_id", "ROOM_ID", "id"),
    Column("room_name", "NAME"),
    Column("status", "STATUS", "id"),
    Column("messages", "MESSAGES", "number"),
    Column("sessions", "SESSIONS", "number"),
    Column("last_join_time", "LAST_JOIN", "time"),
    Column("is_connected", "HERE"),
    Column("is_admin", "ADMIN"),
    Column("is_banned", "BANNED"),
    Column("is_muted", "MUTED"),
)
_SANCTION = (Column("created_at", "", "time"), Column("expires_at", "", "time"))


def path(user: str, *rest: str) -> str:
    return "/".join((PATH, client.segment(user, "USER"), *rest))


@verb(
    "show",
    examples=("chatctl room-users show mallory", "chatctl room-users show mallory --json"),
    exits=(3, 4),
)
def show(
    options: Options,
    *,
    user: Annotated[str, typer.Argument(metavar="USER", show_default=False)],
) -> None:
    """Show in which rooms a user is, was, wrote, is an admin, is banned or muted."""
    with connection.open(options) as server:
        found = server.get(path(user))
    rooms = found["rooms"]
    if options.json:
        for kind in ("ban", "mute"):
            found[kind] = found[kind] and output.with_times(_SANCTION, found[kind])
        found["rooms"] = [output.with_times(_ROOMS, each) for each in rooms]
        output.document(found)
        return
    everywhere = {"banned": found["ban"] is not None, "muted": found["mute"] is not None}
    output.record(options, _USER, {**found, **everywhere})
    if rooms:
        output.rows(options, _ROOMS, rooms)
