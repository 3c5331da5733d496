"""``chatctl room-users``: what there is of a user, over all rooms."""

import sys
from typing import Annotated

from chatctl.commands import history as histories
from chatctl.link import client, connection
from chatctl.link.client import Json
from chatctl.shell import listing
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output

PATH = "/management/room-users"
_USER = output.columns(
    "user_id user id; messages messages number; sessions sessions number; "
    "banned banned everywhere; muted muted everywhere"
)
_ROOMS = output.columns(
    "room_id ROOM_ID id; room_name NAME; status STATUS id; messages MESSAGES number; "
    "sessions SESSIONS number; last_join_time LAST JOIN time; is_connected HERE; is_admin ADMIN; "
    "is_banned BANNED; is_muted MUTED"
)
# What a person reads: no ids, and of what may be true only what is.
_ROOMS_SHOWN = output.columns(
    "room_name ROOM; messages MESSAGES number; sessions SESSIONS number; "
    "last_join_time LAST JOIN time; is THERE"
)
_MARKS = {"is_connected": "now", "is_admin": "admin", "is_banned": "banned", "is_muted": "muted"}
_MESSAGES = output.columns(
    "message_id MESSAGE number; created_at CREATED time; room_name ROOM; content TEXT; "
    "room_id ROOM_ID id"
)
_SANCTION = output.columns("created_at time; expires_at time")


def path(user: str, *rest: str) -> str:
    return "/".join((PATH, client.segment(user, "USER"), *rest))


@verb(
    "show",
    "chatctl room-users show mallory",
    "chatctl room-users show mallory --json",
    exits=(3, 4),
    columns=_ROOMS,
)
def show(options: Options, user: Annotated[str, arg("USER")]) -> None:
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
    if rooms and sys.stdout.isatty():
        output.line("")
        output.rows(options, _ROOMS_SHOWN, [{**each, "is": _marks(each)} for each in rooms])
    elif rooms:
        output.rows(options, _ROOMS, rooms)


def _marks(room: Json) -> str:
    found = [word for name, word in _MARKS.items() if room[name]]
    return ", ".join(found + ["closed"] * (room["status"] == "closed"))


@verb(
    "history",
    "chatctl room-users history mallory --since 2h",
    "chatctl room-users history mallory --all --json >mallory.json",
    exits=(3, 4),
    columns=(*_MESSAGES, histories.DELETED),
)
def history(
    options: Options,
    user: Annotated[str, arg("USER")],
    since: histories.Since = None,
    until: histories.Until = None,
    limit: histories.Limit = None,
    everything: listing.Everything = False,
    before: Annotated[int | None, opt("--before", "Before this one.", "MESSAGE_ID", min=1)] = None,
) -> None:
    """Show a user's messages of all rooms with their ids, the newest first."""
    span, count = histories.window(since, until), histories.most(limit, everything)
    query = {**span, **({} if before is None else {"before": before})}
    with connection.open(options) as server:
        pages = listing.pages(server, path(user, "messages"), query, count)
        last = histories.show_messages(options, _MESSAGES, pages, count)
    if last is not None:
        older = {**span, "before": last["message_id"]}
        histories.tell_newest(options, count, ("room-users", "history", user), older)
