"""``chatctl rooms``."""

import shlex
import sys
from typing import Annotated, Literal

from chatctl.input import endpoints, rooms
from chatctl.link import connection
from chatctl.link.client import Client, Json, Params
from chatctl.shell.failures import Failure, usage
from chatctl.shell.options import Options, RoomOption, arg, only_room, opt, room_and_rest, verb
from chatctl.show import output
from chatctl.show.output import Column
from chatctl.show.visible import cell, visible

_LIST = output.columns(
    "room_id ID id; room_name NAME; current_users USERS number; peak_users PEAK number; "
    "total_joins JOINS number; created_at CREATED time; closed_at CLOSED time"
)
_SHOW = output.columns(
    "room_id id id; room_name name; admin_user_ids admins; current_users users number; "
    "peak_users peak number; total_joins joins number; created_at created time; "
    "last_activity last activity time; closed_at closed time"
)
_JSON = (*_SHOW, Column("start_time", "created", "time"))  # as the documents name it
_CREATED = output.columns("room_id id id; websocket_url url id")

NO_WAS_ANSWERED = "the answer was no"
LONG_SECONDS = 3600.0  # beside --timeout: a room may have millions of messages
Words = Annotated[list[str] | None, arg("ROOM")]


@verb(
    "ls",
    "chatctl rooms ls",
    "chatctl rooms ls --match 'support-*' --status all --json",
    exits=(3, 4),
    columns=_LIST[:-1],
)
def ls(
    options: Options,
    match: Annotated[str | None, opt("--match", "Only names like this.", "GLOB")] = None,
    status: Annotated[
        Literal["open", "closed", "all"], opt("--status", "Which rooms.", "open|closed|all")
    ] = "open",
) -> None:
    """List rooms, sorted by name and id."""
    query = {"status": status, **({} if match is None else {"match": match})}
    with connection.open(options) as server:
        found = [room for page in server.pages("/management/rooms", query) for room in page]
    found.sort(key=lambda room: (room["room_name"], room["room_id"]))
    columns = _LIST if status != "open" else _LIST[:-1]
    output.rows(options, _JSON if options.json else columns, found)


@verb(
    "create",
    "chatctl rooms create lobby --admin alice --json",
    "chatctl rooms create lobby --if-missing",
    exits=(3, 4),
    changes=True,
)
def create(
    options: Options,
    name: Annotated[str, arg("NAME")],
    admin: Annotated[
        list[str] | None, opt("--admin", "A room admin; may be repeated.", "USER")
    ] = None,
    if_missing: Annotated[
        bool, opt("--if-missing", "Take the open room of that name, if there is one.")
    ] = False,
) -> None:
    """Create a room and print its id first."""
    body = {"room_name": name, "admin_user_ids": admin or []}
    query = {"if_missing": "true"} if if_missing else {}
    with connection.open(options, writes=True) as server:
        made = server.post("/management/rooms", body, **query)
    _tell_namesakes(options, name, made)
    if options.json:
        output.document({"changed": True, **made})
    elif sys.stdout.isatty():
        output.line(visible(made["room_id"]))
        output.line(visible(made["websocket_url"]))
    else:
        output.fields([cell(str(made[column.key])) for column in _CREATED])


@verb("show", "chatctl rooms show lobby", "chatctl rooms show -R lobby --json", exits=(3, 4, 5))
def show(options: Options, words: Words = None, room: RoomOption = None) -> None:
    """Show one room, also a closed one."""
    named = only_room(words, room)
    with connection.open(options) as server:
        found = rooms.find(server, named)
    columns = _SHOW if "closed_at" in found else _SHOW[:-1]
    output.record(options, _JSON if options.json else columns, found)


@verb(
    "close",
    "chatctl rooms close lobby",
    "chatctl rooms close lobby --yes",
    exits=(3, 4, 5, 130),
    because={130: NO_WAS_ANSWERED},
    changes=True,
)
def close(
    options: Options,
    words: Words = None,
    room: RoomOption = None,
    yes: Annotated[bool, opt("--yes", "Do not ask.")] = False,
) -> None:
    """Close a room for good: everyone in it is disconnected, its history stays readable."""
    named = only_room(words, room)
    if not yes:
        named = _confirmed(options, named)
    with connection.open(options, writes=True) as server:
        done = _close(server, rooms.find(server, named))
    sentence = "closed" if done["changed"] else "was already closed"
    _tell(options, done, f"{done['room_name']} {sentence}")


@verb(
    "rm",
    "chatctl rooms rm lobby",
    "chatctl rooms rm lobby --yes --json",
    exits=(3, 4, 5, 130),
    because={5: "the room is open, or its name is ambiguous", 130: NO_WAS_ANSWERED},
    changes=True,
)
def rm(
    options: Options,
    words: Words = None,
    room: RoomOption = None,
    yes: Annotated[bool, opt("--yes", "Do not ask.")] = False,
) -> None:
    """Remove a closed room for good, with all its data, from the log, too."""
    named = only_room(words, room)
    if not yes:
        # Asked without a hold on the database: a person may take their time.
        with connection.open(options) as server:
            found = _closed(server, named)
            unsent = _unsent(server, found["room_id"])
        check_terminal("removing a room", shlex.join(("chatctl", "rooms", "rm", named, "--yes")))
        what = f"Remove {found['room_name']} ({found['room_id']}), closed, and all that is in it"
        ask(f"{what}, unsent callbacks, too: {unsent:,}?" if unsent else f"{what}?")
        named = found["room_id"]
    with connection.open(options, writes=True) as server:
        found = _closed(server, named)
        unsent = _unsent(server, found["room_id"])
        server.renew(LONG_SECONDS)
        server.delete(rooms.path(found["room_id"]), purge="true")
    if unsent:
        output.note(options, f"callbacks of it that are not sent any more: {unsent:,}")
    result = {"changed": True, "room_id": found["room_id"], "room_name": found["room_name"]}
    _tell(options, result, f"{result['room_name']} was removed")


def _unsent(server: Client, room_id: str) -> int:
    query: Params = {"room": room_id, "status": "pending", "limit": 1000}
    return sum(len(page) for page in server.pages(f"{endpoints.PATH}/deliveries", query))


def _tell(options: Options, done: Json, sentence: str) -> None:
    if options.json:
        output.document(done)
    elif sys.stdout.isatty():
        output.line(visible(sentence))
    else:
        output.fields([cell(done["room_id"]), output.changed(done)])


def _closed(server: Client, named: str) -> Json:
    """Raises Failure ``conflict`` for an open one."""
    found = rooms.find(server, named)
    if found.get("closed_at") is None:
        raise Failure(
            "conflict",
            f"{found['room_name']} is open: only a closed room can be removed",
            f"chatctl rooms close {found['room_id']}",
            409,
        )
    return found


@verb(
    "rename",
    "chatctl rooms rename lobby entrance",
    "chatctl rooms rename -R lobby Hall --json",
    exits=(3, 4, 5),
    changes=True,
)
def rename(
    options: Options,
    words: Annotated[list[str] | None, arg("ROOM NAME")] = None,
    room: RoomOption = None,
) -> None:
    """Give a room another name; its id stays."""
    named, rest = room_and_rest(words, room, "ROOM NAME")
    if len(rest) != 1:
        raise _one_name(rest)
    with connection.open(options, writes=True) as server:
        before = rooms.find(server, named)
        done = server.patch(rooms.path(before["room_id"]), {"room_name": rest[0]})
    _tell_namesakes(options, rest[0], done)
    result = {key: done[key] for key in ("changed", "room_id", "room_name")}
    sentence = "is now called" if done["changed"] else "is called that already:"
    _tell(options, result, f"{before['room_name']} {sentence} {done['room_name']}")


def _tell_namesakes(options: Options, name: str, room: Json) -> None:
    others = room.get("same_name", 0)
    if others:
        who = "another open room is" if others == 1 else f"{others} other open rooms are"
        meant = "commands need the id of the one they mean"
        output.note(options, f"{who} called {name}, too: {meant}")


def _one_name(rest: list[str]) -> Failure:
    if not rest:
        return usage("Missing argument 'NAME'.", "chatctl rooms rename ROOM NAME")
    return usage(
        f"Got unexpected extra argument ({rest[1]})", f"{shlex.quote(' '.join(rest))}, in quotes"
    )


def _close(server: Client, room: Json) -> Json:
    changed = room.get("closed_at") is None
    if changed:
        try:
            server.delete(rooms.path(room["room_id"]))
        except Failure as failure:
            if failure.code != "room_closed":
                raise
            changed = False
    return {"changed": changed, "room_id": room["room_id"], "room_name": room["room_name"]}


def _confirmed(options: Options, named: str) -> str:
    """The id of the room that the person at the terminal wants to close."""
    check_terminal("closing a room", shlex.join(("chatctl", "rooms", "close", named, "--yes")))
    # Asked without a hold on the database: a person may take their time.
    with connection.open(options) as server:
        found = rooms.find(server, named)
    if found.get("closed_at") is None:
        ask(f"Close {found['room_name']} ({found['room_id']}), {found['current_users']} inside?")
    return str(found["room_id"])


def check_terminal(what: str, without_asking: str) -> None:
    """Raises Failure ``confirmation_needed`` where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(
            "confirmation_needed",
            f"{what} asks first, and here is no terminal to ask on",
            without_asking,
        )


def ask(question: str) -> None:
    """Raises Failure ``cancelled`` unless the answer is yes."""
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failure("cancelled", "nothing was done")
