"""``chatctl ban``, ``unban``, ``bans``, ``kick``, ``mute`` and ``unmute``."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from chatctl import connection, failures, output, rooms, times, users
from chatctl.client import Client, Json
from chatctl.failures import Failure, OutputLost
from chatctl.options import Options, RoomOption, room_and_rest, verb
from chatctl.output import Column
from chatctl.visible import cell, visible

_BANS = (
    Column("user_id", "USER", "id"),
    Column("reason", "REASON"),
    Column("banned_by", "BY"),
    Column("created_at", "SINCE", "time"),
    Column("expires_at", "UNTIL", "time"),
)
_LONGEST_SECONDS = 100 * 366 * 86_400

# With these the next user would fail the same way.
_HOPELESS = ("unreachable", "timed_out", "unauthorized", "forbidden", "lock_held", "not_chatctl")

Words = Annotated[list[str] | None, typer.Argument(metavar="ROOM USER", show_default=False)]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="More users, one per line; - is stdin."),
]
Act = Callable[[Client, str, str], Json]


@verb(
    "ban",
    examples=(
        "chatctl ban lobby mallory --reason spam --for 7d",
        "chatctl bans lobby | chatctl ban arena --from -",
    ),
    exits=(3, 4, 5, 9),
    changes=True,
)
def ban(
    options: Options,
    *,
    words: Words = None,
    room: RoomOption = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; stored with the ban.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long; without it, for ever.")
    ] = None,
    source: From = None,
) -> None:
    """Throw users out of a room and keep them out."""
    body: Json = {} if reason is None else {"reason": reason}
    if duration is not None:
        seconds = int(times.duration(duration, "--for", needs_unit=True))
        if seconds > _LONGEST_SECONDS:
            raise failures.usage("--for: at most 100 years", "no --for, which is for ever")
        body["expires_in"] = seconds

    def act(server: Client, room_id: str, user: str) -> Json:
        return server.put(rooms.path(room_id, "bans", user), body)

    _each(options, words, room, source, act=act, said=("banned", "was already banned"))


@verb(
    "unban",
    examples=("chatctl unban lobby mallory", "chatctl unban lobby --from users.txt --json"),
    exits=(3, 4, 5, 9),
    changes=True,
)
def unban(
    options: Options, *, words: Words = None, room: RoomOption = None, source: From = None
) -> None:
    """Let banned users into a room again."""

    def act(server: Client, room_id: str, user: str) -> Json:
        return server.delete(rooms.path(room_id, "bans", user))

    _each(options, words, room, source, act=act, said=("unbanned", "was not banned"))


@verb(
    "kick",
    examples=("chatctl kick lobby mallory", "chatctl kick -R lobby mallory trudy --json"),
    exits=(3, 4, 5, 9),
    changes=True,
)
def kick(
    options: Options, *, words: Words = None, room: RoomOption = None, source: From = None
) -> None:
    """Disconnect users from a room; they may return."""

    def act(server: Client, room_id: str, user: str) -> Json:
        return server.post(rooms.path(room_id, "kick", user))

    _each(options, words, room, source, act=act, said=("kicked", "was not there"))


@verb(
    "mute",
    examples=("chatctl mute lobby mallory", "chatctl mute lobby mallory trudy --json"),
    exits=(3, 4, 5, 9),
    changes=True,
)
def mute(
    options: Options, *, words: Words = None, room: RoomOption = None, source: From = None
) -> None:
    """Refuse the messages of users in a room; they may stay and read."""

    def act(server: Client, room_id: str, user: str) -> Json:
        return server.put(rooms.path(room_id, "mutes", user), {})

    _each(options, words, room, source, act=act, said=("muted", "was already muted"))


@verb(
    "unmute",
    examples=("chatctl unmute lobby mallory", "chatctl unmute lobby --from users.txt --json"),
    exits=(3, 4, 5, 9),
    changes=True,
)
def unmute(
    options: Options, *, words: Words = None, room: RoomOption = None, source: From = None
) -> None:
    """Let muted users speak again."""

    def act(server: Client, room_id: str, user: str) -> Json:
        return server.delete(rooms.path(room_id, "mutes", user))

    _each(options, words, room, source, act=act, said=("unmuted", "was not muted"))


@verb(
    "bans",
    examples=("chatctl bans lobby", "chatctl bans -R lobby --json"),
    exits=(3, 4, 5),
)
def bans(
    options: Options,
    *,
    words: Annotated[list[str] | None, typer.Argument(metavar="ROOM", show_default=False)] = None,
    room: RoomOption = None,
) -> None:
    """List the users banned from a room, sorted by user."""
    named, rest = room_and_rest(words, room, "ROOM")
    if rest:
        raise Failure("usage", f"Got unexpected extra argument ({rest[0]})")
    with connection.open(options) as server:
        found = server.get(rooms.path(rooms.find_id(server, named), "bans"))
    found.sort(key=lambda one: str(one["user_id"]))
    output.rows(options, _BANS, found)


def _each(
    options: Options,
    words: list[str] | None,
    room: str | None,
    source: str | None,
    *,
    act: Act,
    said: tuple[str, str],
) -> None:
    """One verb for each user. One user: its result or its failure. More: a line each, under
    --json an array, or a line each for --from; and ``partly_done`` where some failed."""
    named, rest = room_and_rest(words, room, "ROOM USER")
    about = users.given(rest, source)
    if not about:
        output.note(options, "no users were given, nothing to do")
        return
    results: list[Json] = []
    try:
        with connection.open(options, writes=True) as server:
            _act_on(server, rooms.find_id(server, named), about, act, results)
    except BaseException:
        _print(options, results, said, as_lines=source is not None or len(about) == 1)
        raise
    lost = _print(options, results, said, as_lines=source is not None or len(about) == 1)
    failed = sum("error" in result for result in results) + len(about) - len(results)
    if failed == len(about):
        first = results[0]["error"]
        raise Failure(first["code"], f"all {failed} users failed; the first: {first['message']}")
    unseen = f"; {failures.lost(lost).message}" if lost else ""
    if failed:
        raise Failure("partly_done", f"{failed} of {len(about)} users failed{unseen}")
    if lost:
        raise failures.lost(lost, "what was asked is done")


def _print(
    options: Options, results: list[Json], said: tuple[str, str], *, as_lines: bool
) -> OutputLost | None:
    """What stdout did not take is returned: what failed is told in any case."""
    lost = None
    if options.json and all("error" in result for result in results):
        return None  # the error object on stderr says it all
    try:
        if options.json and not as_lines:
            output.document([output.with_times(_BANS, result) for result in results])
            return None
    except OutputLost as error:
        return error
    for result in results:
        try:
            _show(options, result, said)
        except OutputLost as error:
            lost = error
    return lost


def _act_on(server: Client, room_id: str, about: list[str], act: Act, results: list[Json]) -> None:
    for user in about:
        try:
            results.append({"user_id": user, **act(server, room_id, user)})
        except Failure as failure:
            done = any("error" not in result for result in results)
            if len(about) == 1 or (failure.code in _HOPELESS and not done):
                raise
            error = {"code": failure.code, "message": failure.message}
            results.append({"user_id": user, "error": error})
            if failure.code in _HOPELESS:
                return


def _show(options: Options, result: Json, said: tuple[str, str]) -> None:
    user = str(result["user_id"])
    error = result.get("error")
    if options.json:
        output.json_line(output.with_times(_BANS, result))
    elif error is not None:
        sys.stderr.write(f"chatctl: {visible(user)}: {visible(error['message'])}\n")
    elif sys.stdout.isatty():
        output.line(f"{visible(user)} {said[0] if result['changed'] else said[1]}")
    else:
        output.fields([cell(user), output.changed(result)])
