"""``chatctl watch``."""

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated

import typer

from chatctl import connection, output, rooms, sentences, stdout, streams
from chatctl.client import Client, Json
from chatctl.failures import Failure
from chatctl.options import Options, RoomOption, only_room, verb
from chatctl.visible import cell

# What happens behind the room's back is not seen in it.
_UNSEEN = ("room.created", "room.admins_set", "sync.requested")


@verb(
    "watch",
    examples=("chatctl watch lobby", "chatctl watch lobby --since 0 --count 100 --json"),
    exits=(3, 4, 5, 130, 141, 143),
)
def watch(
    options: Options,
    *,
    words: Annotated[list[str] | None, typer.Argument(metavar="ROOM", show_default=False)] = None,
    room: RoomOption = None,
    since: Annotated[
        int | None,
        typer.Option("--since", metavar="SEQ", min=0, help="From after this message on."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="End after this many.")
    ] = None,
) -> None:
    """Follow what a room sees: messages, joins, bans and the like."""
    named = only_room(words, room)
    with connection.open(options, only_served=connection.NOT_FOLLOWED) as server:
        found = rooms.find(server, named)
        room_id = str(found["room_id"])
        if since is None and "closed_at" in found:
            raise Failure(
                "room_closed",
                f"the room {named} is closed: nothing more will happen in it",
                f"chatctl watch {room_id} --since 0, for what did",
                404,
            )
        newest = streams.newest_offset(server)
        after = newest if since is None else _offset_of(server, room_id, since, newest)
        for fact in islice(_seen(options, server, room_id, after), count):
            _show(options, fact)


def _seen(options: Options, server: Client, room_id: str, after: int) -> Iterator[Json]:
    for fact in streams.follow(options, server, {"room": room_id}, after):
        if fact["type"] in _UNSEEN:
            continue
        yield fact
        if fact["type"] == "room.closed":
            return


def _offset_of(server: Client, room_id: str, since: int, newest: int) -> int:
    """Raises Failure for a message that is still to come: it is a mistyped number."""
    query: dict[str, str | int] = {"room": room_id, "type": "message.posted", "limit": 1}
    last = server.get("/management/events", {**query, "tail": "true"})
    last_seq = int(last[0]["data"]["seq"]) if last else 0
    if since > last_seq:
        raise Failure(
            "resync_required",
            f"the room's newest message is {last_seq}, not yet {since}"
            if last
            else f"the room has 0 messages, not yet {since}",
            f"--since {last_seq}",
            409,
        )
    return offset_before(_messages(server, room_id), since, newest)


def _messages(server: Client, room_id: str) -> Callable[[int], Json | None]:
    def first_after(offset: int) -> Json | None:
        query: dict[str, str | int] = {
            "room": room_id,
            "type": "message.posted",
            "after": offset,
            "limit": 1,
        }
        found = server.get("/management/events", query)
        return found[0] if found else None

    return first_after


def offset_before(first_after: Callable[[int], Json | None], seq: int, newest: int) -> int:
    """The offset after which the first message of the room is the one above ``seq``: seq grows
    with the offset, so bisection finds it. ``first_after`` asks for the first message above an
    offset."""
    low, high = 0, newest
    while low < high:
        middle = (low + high) // 2
        message = first_after(middle)
        if message is None or message["data"]["seq"] > seq:
            high = middle
        else:
            low = int(message["offset"])
    return low


def _show(options: Options, fact: Json) -> None:
    if options.json:
        output.json_line(fact)
    elif sys.stdout.isatty():
        output.talk_line(f"{fact['at'][11:19]}  {sentences.of(fact['type'], fact['data'])}")
    else:
        data = fact["data"]
        user = data.get("sender") or data.get("user_id") or ""
        values = (fact["at"], fact["type"], data.get("seq", ""), user, data.get("content", ""))
        output.fields([cell(str(value)) for value in values])
        stdout.flush()
