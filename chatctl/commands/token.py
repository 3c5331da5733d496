"""``chatctl token``: room tokens, made and read with ROOM_TOKEN_SECRET."""

import re
import sys
import time
from pathlib import Path
from typing import Annotated

from chatctl.input import ids, named_files, rooms, times
from chatctl.link import connection, mismatches
from chatctl.link.client import Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output
from chatctl.show.output import Column
from chatctl.show.visible import visible

LONGEST_TTL_SECONDS = 10 * 365 * 86_400
_MOST_BYTES = 65_536
_YEAR_10000 = 253_402_300_800  # the first one that RFC 3339 cannot name
_TOKEN = re.compile(r"[\w-]{4,}\.[\w-]{4,}\.[\w-]*", re.ASCII)
_FIX = "the server's own configuration: --config FILE or CHAT_CONFIG; chatctl init writes one"
_INSPECTED = output.columns(
    "user_id user id; room_id room id; name name id; admin admin; issued_at issued time; "
    "expires_at expires time; signature signature id"
)


User = Annotated[str, opt("--user", "Who may join with it.", "USER")]
Room = Annotated[str | None, opt("-R --room", "Only this room; else every room.", "ROOM")]
Name = Annotated[str | None, opt("--name", "The name that others see.", "NAME")]
Admin = Annotated[bool, opt("--admin", "Makes the user an admin of each room they join, for good.")]
Ttl = Annotated[str, opt("--ttl", "How long it is good for; 1h unless given.", "TIME")]


@verb(
    "mint",
    "chatctl token mint --user anna --room lobby",
    "chatctl token mint --user anna --name 'Anna B.' --admin --ttl 8h --json",
    exits=(3, 4, 5),
)
def mint(
    options: Options,
    user: User,
    room: Room = None,
    name: Name = None,
    admin: Admin = False,
    ttl: Ttl = "1h",
) -> None:
    """Print a token with which a user may join rooms."""
    seconds = _seconds(ttl)
    secrets = _secrets(options)
    room_id = None if room is None else _room_id(options, room)
    with connection.server_errors():
        from chatctl_server.domain import tokens

        now = int(time.time())
        granted = tokens.TokenClaims(user, now + seconds, room_id, name, admin)
        made = tokens.mint(granted, secrets[0], now)
    if admin and room is None:
        output.note(options, f"with it {user} is an admin of every room; --room limits it to one")
    if options.json:
        expires_at = times.rfc3339(granted.expires_at)
        about = {"user_id": user, "room_id": room_id, "name": name, "admin": admin}
        output.document({"token": made, "expires_at": expires_at, **about})
    else:
        output.line(made)


def _seconds(ttl: str) -> float:
    seconds = times.duration(ttl, "--ttl", needs_unit=True)
    if seconds > LONGEST_TTL_SECONDS:
        raise failures.usage(f"--ttl: {ttl} is longer than ten years", "--ttl 1h")
    return seconds


@verb(
    "inspect",
    "chatctl token mint --user anna | chatctl token inspect -",
    "chatctl token inspect token.txt --json",
    exits=(3,),
)
def inspect(options: Options, source: Annotated[str, arg("FILE")]) -> None:
    """Say what a token grants and whether a server would take it; - reads it from stdin."""
    token = _token_from(source)
    secrets = _secrets(options)
    with connection.server_errors():
        from chatctl_server.domain import text, tokens
        from chatctl_server.errors import ChatctlError

        found = _shown(tokens.unchecked(token))
        is_good = any(tokens.is_signed_with(token, each) for each in secrets)
        found["signature"] = "good" if is_good else "bad"
        refusal = None
        try:
            granted = tokens.read(token, secrets)
            text.check_name(granted.name or granted.user_id, "name")
        except ChatctlError as error:
            refusal = error.detail
    if refusal is not None:
        raise _refused(options, found, refusal)
    output.record(options, _INSPECTED, found)


def _refused(options: Options, found: Json, refusal: str) -> Failure:
    """What the token says goes to stderr, line by line; under ``--json`` into the message."""
    said = [
        f"{column.title} {_as_text(column, found[column.key])}"
        for column in _INSPECTED
        if found[column.key] is not None
    ]
    if found["signature"] == "bad":
        refusal = "it is not signed with this ROOM_TOKEN_SECRET"
    message = f"a server would refuse this token: {refusal}"
    if options.json:
        return Failure("check_failed", f"{message} ({', '.join(said)})")
    for line in said:
        sys.stderr.write(f"chatctl: {visible(line)}\n")
    return Failure("check_failed", message, "chatctl token mint --user USER makes a good one")


def _as_text(column: Column, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.kind == "time" and isinstance(value, int | float):
        return times.rfc3339(value)
    return str(value)


def _shown(claims: Json) -> Json:
    """The claims under our own names. They are anybody's word: any type, any size."""
    return {
        "user_id": claims.get("sub"),
        "room_id": claims.get("room"),
        "name": claims.get("name"),
        "admin": claims.get("admin") is True,
        "issued_at": _moment(claims.get("iat")),
        "expires_at": _moment(claims.get("exp")),
    }


def _moment(value: object) -> object:
    """Unix seconds, or what stands in their place."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None if value is None else str(value)
    return value if 0 <= value < _YEAR_10000 else str(value)


def _secrets(options: Options) -> tuple[str, ...]:
    """The first signs, all are good."""
    with connection.server_errors():
        loaded = connection.load(options)
        mismatches.note(options, connection.database_file(loaded), loaded.config_path)
        mismatches.note_others(options, loaded, mismatches.OF_TOKENS)
    secrets = loaded.settings.room_token_secret
    if not secrets:
        raise Failure("invalid_setting", "no ROOM_TOKEN_SECRET is set to sign tokens with", _FIX)
    if loaded.settings.room_identity == "open":
        output.note(options, "ROOM_IDENTITY is open: a server with these settings asks for none")
    return secrets


def _room_id(options: Options, room: str) -> str:
    """An id is taken as it is; a name is looked up, at the server or in the file."""
    if not room:
        raise failures.usage("ROOM is empty")
    if ids.is_uuid(room):
        return room.lower()
    with connection.open(options) as server:
        return rooms.find_id(server, room)


def _token_from(source: str) -> str:
    if _TOKEN.fullmatch(source):
        raise failures.usage(
            "a token as an argument is visible to everyone on this machine",
            "the token on stdin: chatctl token inspect - < token.txt",
        )
    if source == "-":
        content = sys.stdin.buffer.read(_MOST_BYTES + 1)
    else:
        named_files.check_read(source, "FILE")
        with Path(source).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    shown = "stdin" if source == "-" else source
    if len(content) > _MOST_BYTES:
        raise failures.usage(f"{shown} holds more than a token")
    try:
        return content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise failures.usage(f"{shown} holds no token") from None
