"""``chatctl rooms members`` and ``chatctl rooms admins``: who is in a room, and who runs it."""

import sys
from typing import Annotated

from chatctl.input import rooms
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell.failures import usage
from chatctl.shell.options import Options, RoomOption, RoomWords, only_room, opt, verb
from chatctl.show import output
from chatctl.show.visible import cell, visible

_MEMBERS = output.columns(
    "user_id USER id; nickname NAME; is_admin ADMIN; is_muted MUTED; join_time JOINED time"
)
# The room beside each: in a pipe a line with a tab is one whose user is escaped.
_ADMINS = output.columns("user_id USER id; room_id ROOM id")

Set = Annotated[str | None, opt("--set", "These are the admins, and nobody else.", "USER,…")]
Add = Annotated[list[str] | None, opt("--add", "One more; may be repeated.", "USER")]
Remove = Annotated[list[str] | None, opt("--remove", "One less; may be repeated.", "USER")]


@verb(
    "members",
    "chatctl rooms members lobby",
    "chatctl rooms members -R lobby --json",
    exits=(3, 4, 5),
    columns=_MEMBERS,
)
def members(options: Options, words: RoomWords = None, room: RoomOption = None) -> None:
    """List the users who are connected to a room, sorted by user; without a server, nobody."""
    named = only_room(words, room)
    with connection.open(options) as server:
        found = server.get(rooms.path(rooms.find_id(server, named), "members"))
    found.sort(key=lambda one: str(one["user_id"]))
    output.rows(options, _MEMBERS, found)


@verb(
    "admins",
    "chatctl rooms admins lobby",
    "chatctl rooms admins lobby --add anna --remove bert",
    exits=(3, 4, 5),
    changes=True,
    columns=_ADMINS,
)
def admins(
    options: Options,
    words: RoomWords = None,
    room: RoomOption = None,
    whole: Set = None,
    add: Add = None,
    remove: Remove = None,
) -> None:
    """List a room's admins, sorted, or change who they are."""
    named = only_room(words, room)
    body = _change(whole, add or [], remove or [])
    with connection.open(options, writes=body is not None) as server:
        found = rooms.find(server, named)
        if body is not None:
            found = {**found, **_changed(server, found["room_id"], body)}
    if body is None:
        listed = [
            {"user_id": user, "room_id": found["room_id"]} for user in found["admin_user_ids"]
        ]
        output.rows(options, _ADMINS, listed)
    else:
        _show(options, found)


def _change(whole: str | None, add: list[str], remove: list[str]) -> Json:
    """What is asked of the server; None for nothing."""
    if whole is None:
        if "" in (*add, *remove):
            raise usage("USER is empty")
        return {"add": add, "remove": remove} if add or remove else None
    if add or remove:
        raise usage("--set says who all the admins are", "either --set, or --add and --remove")
    users = whole.split(",")
    if "" in users:
        # An unset variable of a script would take a room's admins away.
        raise usage(f"--set: '{whole}' has an empty USER", "--remove USER takes one away")
    return {"admin_user_ids": users}


def _changed(server: Client, room_id: str, body: Json) -> Json:
    """One request and one transaction: the server adds to the admins that it then has, so two
    commands at the same time do not undo each other. ``--set`` means the whole, whoever else
    there is."""
    path = rooms.path(room_id, "admins")
    if "admin_user_ids" not in body:
        return server.patch(path, body)
    return {**server.put(path, body), "admin_user_ids": sorted(set(body["admin_user_ids"]))}


def _show(options: Options, room: Json) -> None:
    if options.json:
        keys = ("changed", "room_id", "room_name", "admin_user_ids")
        output.document({key: room[key] for key in keys})
    elif sys.stdout.isatty():
        who = ", ".join(room["admin_user_ids"]) or "nobody"
        already = "" if room["changed"] else ", as before"
        output.line(visible(f"the admins of {room['room_name']} are {who}{already}"))
    else:
        output.fields([cell(room["room_id"]), output.changed(room)])
