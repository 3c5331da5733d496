"""Every command: how it is called, what it acts on, and the errors that it meets.

``{room}`` is the room it is about, in which ``mallory`` is banned, ``trudy`` is muted, and
``{message}`` is the last of two messages. ``{endpoint}`` is the URL of one where callbacks go; it
is disabled, and ``{delivery}``, the only one to it, was given up. ``{key}`` is the name of a key.
``{account}``, an e-mail, owns ``{workspace}``, and is in ``{chat}``, in which ``{said}`` was said;
it is an agent of the desk, where ``{conversation}`` is open, beside ``{site}``.
``{source}`` is a backup, ``{new}`` a path where nothing is, ``{unborn}`` one where another command
is making a database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chatctl.shell import exits

Kind = Literal["product", "file", "stream", "sending"]
"""What is ``sending`` needs a server, as a stream does, because only a server sends."""
Scene = Literal[
    "nothing is configured",
    "the server is away",
    "a wrong key",
    "an unknown room",
    "an ambiguous name",
    "an unknown endpoint",
    "an unknown key",
    "an unknown account",
    "a held lock",
    "a newer schema",
    "a full disk",
]


class Error(NamedTuple):
    """``words`` where the scene needs others."""

    code: str
    exit: int
    words: str | None = None


Errors = Mapping[Scene, Error]


@dataclass(frozen=True)
class Case:
    """``again`` is the exit code of a second call; None for what changes nothing."""

    words: str
    kind: Kind
    errors: Errors
    again: int | None = None
    stdin: str = ""


HELD: Errors = {"a held lock": Error("lock_held", exits.REFUSED)}
# All that look for a server meet these at one place, ``connection.open``: asked of one command
# that reads, one that writes, one that delivers, one that follows, and one that may need none.
SERVER: Errors = {
    "nothing is configured": Error("no_server", exits.UNREACHABLE),
    "the server is away": Error("unreachable", exits.UNREACHABLE),
    "a wrong key": Error("unauthorized", exits.NOT_ALLOWED),
    **HELD,
}
NEWER: Errors = {"a newer schema": Error("schema_mismatch", exits.REFUSED)}
FULL_DISK = Error("storage_full", exits.UNREACHABLE)
FULL: Errors = {"a full disk": FULL_DISK}
ROOM: Errors = {
    "an unknown room": Error("room_not_found", exits.NOT_FOUND),
    "an ambiguous name": Error("ambiguous", exits.CONFLICT),
}
UNKNOWN: Mapping[str, Errors] = {
    "{room}": ROOM,
    "{endpoint}": {"an unknown endpoint": Error("endpoint_not_found", exits.NOT_FOUND)},
    "{key}": {"an unknown key": Error("key_not_found", exits.NOT_FOUND)},
    "{account}": {"an unknown account": Error("user_not_found", exits.NOT_FOUND)},
    "{workspace}": {"an unknown account": Error("workspace_not_found", exits.NOT_FOUND)},
    "{chat}": {"an unknown account": Error("conversation_not_found", exits.NOT_FOUND)},
    "{conversation}": {"an unknown account": Error("conversation_not_found", exits.NOT_FOUND)},
    "{site}": {"an unknown account": Error("site_not_found", exits.NOT_FOUND)},
    "{delivery}": {"an unknown endpoint": Error("delivery_not_found", exits.NOT_FOUND)},
}
NO_SERVER: Errors = {"the server is away": Error("usage", exits.USAGE)}
FILE: Errors = {**NO_SERVER, "nothing is configured": Error("usage", exits.USAGE)}


def _met(words: str, errors: Sequence[Errors]) -> Errors:
    unknown = (UNKNOWN[each] for each in UNKNOWN if each in words)
    return {scene: error for each in (*unknown, *errors) for scene, error in each.items()}


def _read(words: str, *errors: Errors) -> Case:
    return Case(words, "product", _met(words, errors))


def _change(words: str, *errors: Errors, again: int = exits.DONE, stdin: str = "") -> Case:
    return Case(words, "product", _met(words, errors), again, stdin)


def _stream(words: str, *errors: Errors, kind: Kind = "stream") -> Case:
    return Case(words, kind, _met(words, errors))


def _file(words: str, *errors: Errors, stdin: str = "") -> Case:
    return Case(words, "file", _met("", errors), stdin=stdin)


CASES = {
    "serve": _file(
        "serve --bind 127.0.0.1:0", NO_SERVER, HELD, NEWER,
        {"a full disk": FULL_DISK._replace(words="serve --bind 127.0.0.1:0 --db sqlite:{new}")},
    ),
    "init": _file(
        "init {new}", NO_SERVER, FULL,
        {"a held lock": Error("lock_held", exits.REFUSED, "init {new} --db sqlite:{unborn}")},
    ),
    "status": _read("status"),
    "ban": _change("ban {room} eve --reason spam --for 1h"),
    "unban": _change("unban {room} mallory"),
    "bans": _read("bans {room}"),
    "kick": _read("kick {room} eve"),  # who is not there, so that nothing is written
    "mute": _change("mute {room} eve --reason noise"),
    "unmute": _change("unmute {room} trudy"),
    "mutes": _read("mutes {room}"),
    "say": _change("say {room} good evening", SERVER, NEWER, FULL),
    "watch": _stream("watch {room} --since 0 --count 2", SERVER),
    "export": _read("export {room} -o {new}"),
    "inbox": _file("inbox"),  # refuses what is no terminal
    "completion": _file("completion bash"),
    "help": _file("help rooms"),
    "rooms ls": _read("rooms ls --match *room*", SERVER, NEWER),
    "rooms create": _change("rooms create new-room --admin boss"),
    "rooms show": _read("rooms show {room}"),
    "rooms rename": _change("rooms rename {room} entrance", again=exits.NOT_FOUND),
    "rooms close": _change("rooms close {room} --yes"),
    "rooms rm": _change("rooms rm {room} --yes", again=exits.NOT_FOUND),
    "rooms members": _read("rooms members {room}"),
    "rooms admins": _read("rooms admins {room}"),
    "rooms admins --add": _change("rooms admins {room} --add eve --remove boss"),
    "rooms history": _read("rooms history {room} --all"),
    "rooms sessions": _read("rooms sessions {room} --all"),
    "room-users show": _read("room-users show anna"),
    "room-users history": _read("room-users history anna --all"),
    "connections ls": _read("connections ls"),
    "messages show": _read("messages show {said}"),
    "messages rm": _change("messages rm {room} {message}"),
    "events ls": _read("events ls --room {room}"),
    "events tail": _read("events tail --room {room}"),
    "events tail -f": _stream("events tail -f --room {room} --since 0"),
    "events replay": _read("events replay --since 0 --room {room} --dry-run"),
    # Before deliveries to disabled endpoints are left pending: on the file it counts those, too.
    "sync push": _change("sync push --wait --room {room}", SERVER, NEWER, FULL),
    "callbacks ls": _read("callbacks ls"),
    "callbacks add": _change("callbacks add http://127.0.0.1:9/new --events custom.*"),
    "callbacks show": _read("callbacks show {endpoint}"),
    "callbacks show --json": _read("callbacks show {delivery}"),
    "callbacks rm": _change("callbacks rm {endpoint}", again=exits.NOT_FOUND),
    "callbacks enable": _change("callbacks enable {endpoint}"),
    "callbacks disable": _read("callbacks disable {endpoint}"),  # it is, so nothing is written
    "callbacks rotate-secret": _change(
        "callbacks rotate-secret {endpoint} --secret-file -", stdin=f"whsec_{'0' * 40}\n"
    ),
    "callbacks test": _stream("callbacks test {endpoint}", kind="sending"),
    "callbacks deliveries": _read("callbacks deliveries --endpoint {endpoint}"),
    "callbacks retry": _change("callbacks retry {delivery}"),
    "callbacks recover": _change("callbacks recover --since 2020-01-01 --endpoint {endpoint}"),
    "callbacks recover --dry-run": _read(
        "callbacks recover --since 2020-01-01 --endpoint {endpoint} --dry-run"
    ),
    "callbacks tail": _stream("callbacks tail -f", kind="sending"),
    "callbacks listen": _file("callbacks listen --count 1"),
    "callbacks forward": _stream("callbacks forward --to http://127.0.0.1:9 --since 0 -R {room}"),
    "sync status": _read("sync status --room {room}"),
    "sync pull": _read("sync pull --room {room} -o {new}"),
    "db info": _file("db info", FILE),
    "db migrate": _file(
        "db migrate", FILE, HELD, NEWER,
        {"a full disk": FULL_DISK._replace(words="db migrate --db sqlite:{new}")},
    ),
    "db check": _file("db check", FILE, NEWER),
    "db verify": _file("db verify", FILE, NEWER),
    "db backup": _file("db backup {new}", FILE, FULL),
    "db restore": _file(
        "db restore {source} --yes", FILE, HELD, FULL,
        {"a newer schema": Error(
            "schema_mismatch", exits.REFUSED, "db restore {source} --yes --db sqlite:{new}"
        )},
    ),
    "db prune": _change("db prune --older-than 1d --yes", SERVER, NEWER, FULL),
    "db seed": _file("db seed --demo", FILE, HELD, NEWER),
    "users ls": _read("users ls --match nobody"),
    "users create": _change("users create New new@example.org", again=exits.CONFLICT),
    "users show": _read("users show {account}"),
    "users suspend": _change("users suspend {account}"),
    "users reactivate": _read("users reactivate {account}"),  # it is active, so nothing is written
    "users set-password": _change(
        "users set-password {account} --password-file -", stdin="a long password\n"
    ),
    "users reset-link": _change("users reset-link {account}"),
    "users sessions": _read("users sessions {account}"),
    "users logout": _read("users logout {account}"),  # who is signed in nowhere
    "users erase": _change("users erase {account} --yes", again=exits.NOT_FOUND),
    "users erase --dry-run": _read("users erase {account} --dry-run"),
    "users export": _read("users export {account} -o {new}"),
    "workspaces ls": _read("workspaces ls"),
    "workspaces create": _change("workspaces create new", again=exits.CONFLICT),
    "workspaces show": _read("workspaces show {workspace}"),
    "workspaces members": _read("workspaces members {workspace}"),
    "workspaces invite": _change("workspaces invite {workspace} --expires 1d"),
    "workspaces rm": _change("workspaces rm {workspace} --force", again=exits.NOT_FOUND),
    "chats ls": _read("chats ls --match nothing"),
    "chats create": _change(
        "chats create new --type PublicChannel --owner {account}", again=exits.CONFLICT
    ),
    "chats show": _read("chats show {chat}"),
    "chats members": _read("chats members {chat}"),
    "chats transfer": _change("chats transfer {chat} {account}"),
    "chats rm": _change("chats rm {chat}", again=exits.NOT_FOUND),
    "conversations ls": _read("conversations ls --match nothing"),
    "conversations show": _read("conversations show {conversation}"),
    "conversations assign": _change("conversations assign {conversation} {account}"),
    "conversations close": _change("conversations close {conversation}"),
    "conversations reopen": _read("conversations reopen {conversation}"),  # it is open
    "conversations snooze": _change("conversations snooze {conversation} --for 1h"),
    "conversations say": _change("conversations say {conversation} good evening"),
    "conversations label": _change("conversations label {conversation} --add late"),
    "conversations export": _read("conversations export {conversation} -o {new}"),
    "sites ls": _read("sites ls"),
    "sites create": _change("sites create new --origins https://new.example.org"),
    "sites show": _read("sites show {site}"),
    "sites set": _change("sites set {site} --greeting hello --hours -", stdin="null"),
    "sites rotate-key": _change("sites rotate-key {site}"),
    "sites integration": _read("sites integration {site}"),
    "sites rm": _change("sites rm {site} --yes", again=exits.NOT_FOUND),
    "keys ls": _read("keys ls"),
    "keys create": _change("keys create new --scope rooms:read --expires 1d", again=exits.CONFLICT),
    "keys rotate": _change("keys rotate {key} --old-for 1h"),
    "keys rm": _change("keys rm {key}", again=exits.NOT_FOUND),
    "config show": _file("config show", NO_SERVER),
    "config check": _file("config check", NO_SERVER),
    "token mint": _file("token mint --user eve --room {room}", SERVER, NEWER, ROOM),
    "token inspect": _file("token inspect -", stdin="no token"),
}  # fmt: skip


def command(name: str) -> str:
    """The registry's name: some commands have a case for what an option makes of them."""
    return name.partition(" -")[0]


def of(*kinds: Kind) -> list[str]:
    return [name for name, case in CASES.items() if case.kind in kinds]
