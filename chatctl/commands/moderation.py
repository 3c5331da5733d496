"""``chatctl ban``, ``unban``, ``bans``, ``kick``, ``mute`` and ``unmute``."""

from collections.abc import Callable
from typing import Annotated, Concatenate, Literal, NamedTuple

from chatctl.commands import room_users
from chatctl.input import rooms, times
from chatctl.input.targets import USER
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import bulk, failures
from chatctl.shell.bulk import Said
from chatctl.shell.options import Options, P, RoomOption, RoomWords, Verb, arg, only_room, opt, verb
from chatctl.show import output
from chatctl.show.output import Column

_BANS = output.columns(
    "user_id USER id; reason REASON; banned_by BY; created_at CREATED time; expires_at EXPIRES time"
)
_MUTES = (*_BANS[:2], Column("muted_by", "BY"), *_BANS[3:])
_LONGEST_SECONDS = 100 * 366 * 86_400
_EXITS = (3, 4, 5, 9, 130, 143)

Words = Annotated[list[str] | None, arg("ROOM USER…")]
From = Annotated[
    str | None, opt("--from", "More users: one a line, or as bans lists them (help input).", "FILE")
]
Reason = Annotated[str | None, opt("--reason", "Why; stored, and shown in the list.", "TEXT")]
Duration = Annotated[str | None, opt("--for", "How long: 1h, 7d, 1w; else for ever.", "TIME")]
Everywhere = Annotated[
    bool, opt("--all-rooms", "In every room, also later ones: no ROOM, only USER.")
]
ListEverywhere = Annotated[bool, opt("--all-rooms", "Those of every room at once: no ROOM.")]


class Users(NamedTuple):
    """As they were named; ``everywhere``: in every room."""

    words: Words = None
    room: RoomOption = None
    source: From = None
    everywhere: Everywhere = False


def _verb(name: str, *examples: str) -> Callable[[Callable[Concatenate[Options, P], None]], Verb]:
    return verb(name, *examples, exits=_EXITS, changes=True, asked=Users)


@_verb("ban", "chatctl ban lobby mallory --reason spam --for 7d", "chatctl ban mallory --all-rooms")
def ban(options: Options, users: Users, reason: Reason = None, duration: Duration = None) -> None:
    """Throw users out of a room and keep them out; a further ban replaces reason and end."""
    body = _sanction(reason, duration)
    said = Said("banned", "was already banned")
    _each(options, users, "ban", lambda to, path: to.put(path, body), said)


@_verb("unban", "chatctl unban lobby mallory", "chatctl unban lobby --from users.txt --json")
def unban(options: Options, users: Users) -> None:
    """Let banned users into a room again."""
    said = Said("unbanned", "was not banned")
    _each(options, users, "ban", lambda to, path: to.delete(path), said)


@verb(
    "kick",
    "chatctl kick lobby mallory",
    "chatctl kick -R lobby mallory trudy --json",
    exits=_EXITS,
    changes=True,
)
def kick(
    options: Options, words: Words = None, room: RoomOption = None, source: From = None
) -> None:
    """Disconnect users from a room; they may return."""

    def act(server: Client, room_id: str, user: str) -> Json:
        return server.post(rooms.path(room_id, "kick", user))

    said = Said("kicked", "was not here", in_vain=True)
    bulk.each(options, USER, words, room, source, act=act, said=said)


@_verb(
    "mute",
    "chatctl mute lobby mallory --for 1h",
    "chatctl mute lobby mallory trudy --reason flooding --json",
)
def mute(options: Options, users: Users, reason: Reason = None, duration: Duration = None) -> None:
    """Refuse the messages of users in a room; they may stay and read."""
    body = _sanction(reason, duration)
    said = Said("muted", "was already muted")
    _each(options, users, "mute", lambda to, path: to.put(path, body), said)


@_verb("unmute", "chatctl unmute lobby mallory", "chatctl unmute lobby --from users.txt --json")
def unmute(options: Options, users: Users) -> None:
    """Let muted users speak again."""
    said = Said("unmuted", "was not muted")
    _each(options, users, "mute", lambda to, path: to.delete(path), said)


@verb(
    "bans", "chatctl bans lobby --json", "chatctl bans --all-rooms", exits=(3, 4, 5), columns=_BANS
)
def bans(
    options: Options,
    words: RoomWords = None,
    room: RoomOption = None,
    everywhere: ListEverywhere = False,
) -> None:
    """List the users banned from a room, sorted by user; or those banned from every room."""
    _list(options, None if everywhere else only_room(words, room), words, "bans", _BANS)


@verb(
    "mutes",
    "chatctl mutes lobby --json",
    "chatctl mutes --all-rooms",
    exits=(3, 4, 5),
    columns=_MUTES,
)
def mutes(
    options: Options,
    words: RoomWords = None,
    room: RoomOption = None,
    everywhere: ListEverywhere = False,
) -> None:
    """List the users muted in a room, sorted by user; or those muted in every room."""
    _list(options, None if everywhere else only_room(words, room), words, "mutes", _MUTES)


def _each(
    options: Options,
    users: Users,
    kind: Literal["ban", "mute"],
    call: Callable[[Client, str], Json],
    said: Said,
) -> None:
    """Of ``ban lobby mallory --all-rooms``, lobby would be a user, too."""
    if not users.everywhere:

        def act(server: Client, room_id: str, user: str) -> Json:
            return call(server, rooms.path(room_id, f"{kind}s", user))

        bulk.each(options, USER, users.words, users.room, users.source, act=act, said=said)
        return
    if users.room is not None or len(users.words or ()) > 1:
        raise failures.usage(
            "--all-rooms is for one USER and no ROOM", "--from FILE, with a user a line"
        )

    def act_everywhere(server: Client, user: str) -> Json:
        return call(server, room_users.path(user, kind))

    bulk.roomless(options, USER, users.words, users.source, act=act_everywhere, said=said)


def _list(
    options: Options,
    named: str | None,
    words: list[str] | None,
    kind: str,
    columns: tuple[Column, ...],
) -> None:
    """Without a room of all rooms at once."""
    if named is None and words:
        raise failures.usage("--all-rooms goes without a ROOM", f"chatctl {kind} --all-rooms")
    with connection.open(options) as server:
        place = "/management" if named is None else rooms.path(rooms.find_id(server, named))
        found = server.get(f"{place}/{kind}")
    found.sort(key=lambda one: str(one["user_id"]))
    output.rows(options, columns, found)


def _sanction(reason: str | None, duration: str | None) -> Json:
    body: Json = {} if reason is None else {"reason": reason}
    if duration is not None:
        seconds = int(times.duration(duration, "--for", needs_unit=True))
        if seconds > _LONGEST_SECONDS:
            raise failures.usage("--for: at most 100 years", "no --for, which is for ever")
        body["expires_in"] = seconds
    return body
