"""``chatctl watch``."""

import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Annotated

from chatctl.input import rooms, team
from chatctl.link import connection, streams
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, RoomOption, RoomWords, only_room, opt, verb
from chatctl.show import output, sentences

# What happens behind the room's back is not seen in it.
_UNSEEN = ("room.created", "room.admins_set", "sync.requested", "chat.created")
_ENDS = ("room.closed", "chat.closed")
_COLUMNS = output.columns(
    "at AT id; type TYPE id; message_id MESSAGE number; seq SEQ number; user_id USER id; "
    "content TEXT"
)


@verb(
    "watch",
    "chatctl watch lobby",
    "chatctl watch lobby --since 0 --count 100 --json",
    exits=(3, 4, 5, 130, 141, 143),
    columns=_COLUMNS,
)
def watch(
    options: Options,
    words: RoomWords = None,
    room: RoomOption = None,
    since: Annotated[
        int | None, opt("--since", "From after this message on.", "SEQ", min=0)
    ] = None,
    count: Annotated[int | None, opt("--count", "End after this many.", "N", min=1)] = None,
) -> None:
    """Follow what a room, or a chat (chat:ID), sees: messages, joins, bans and the like."""
    named = only_room(words, room)
    with connection.open(options, only_served=connection.NOT_FOLLOWED) as server:
        chat = team.find_chat(server, named)
        if chat is not None:
            _follow(options, server, {"chat": chat["id"]}, since, count)
            return
        found = rooms.find(server, named)
        room_id = str(found["room_id"])
        if since is None and "closed_at" in found:
            raise Failure(
                "room_closed",
                f"the room {named} is closed: nothing more will happen in it",
                f"chatctl watch {room_id} --since 0, for what did",
                404,
            )
        _follow(options, server, {"room": room_id}, since, count)


def _follow(
    options: Options,
    server: Client,
    query: dict[str, str | int],
    since: int | None,
    count: int | None,
) -> None:
    try:
        for event in islice(_seen(options, server, query, since), count):
            _show(options, event)
    except Failure as failure:
        if failure.code == "resync_required" and failure.hint:
            failure.hint = failure.hint.replace("after_seq=", "--since ")
        raise


def _seen(
    options: Options, server: Client, query: dict[str, str | int], since: int | None
) -> Iterator[Json]:
    after = None
    if since is None:
        after = streams.newest_offset(server)
    else:
        query["after_seq"] = since
    with closing(streams.follow(options, server, query, after)) as found:
        for event in found:
            if event["type"] in _UNSEEN:
                continue
            yield event
            if event["type"] in _ENDS:
                return


def _show(options: Options, event: Json) -> None:
    if options.json:
        output.json_line(event)
    elif sys.stdout.isatty():
        output.talk_line(f"{event['at'][11:19]}  {sentences.of(event['type'], event['data'])}")
    else:
        data = event["data"] if isinstance(event["data"], dict) else {}
        user = data.get("sender") or data.get("user_id")
        output.row_line(_COLUMNS, {**event, **data, "user_id": user})
