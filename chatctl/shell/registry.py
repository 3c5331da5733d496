"""Every command by its name: what Typer makes of it, made when it is asked for.

A start makes the one command that is called; making all of them would cost as much again.
"""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import chatctl
from chatctl.commands import (
    callbacks,
    callbacks_admin,
    callbacks_deliveries,
    callbacks_recover,
    callbacks_samples,
    callbacks_show,
    callbacks_tail,
    chats,
    completion,
    config,
    connections,
    conversations,
    conversations_change,
    conversations_export,
    db,
    events,
    explain,
    export,
    forward,
    history,
    inbox,
    init,
    keys,
    members,
    messages,
    moderation,
    replay,
    room_users,
    rooms,
    serve,
    sites,
    status,
    sync,
    sync_pull,
    token,
    users,
    watch,
    workspaces,
)
from chatctl.link import connection
from chatctl.shell import manual
from chatctl.shell.options import Verb
from chatctl.show import stdout

VERBS = (
    serve.serve,
    init.init,
    status.status,
    moderation.ban,
    moderation.unban,
    moderation.bans,
    moderation.kick,
    moderation.mute,
    moderation.unmute,
    moderation.mutes,
    messages.say,
    watch.watch,
    export.export,
    inbox.inbox,
    completion.completion,
    explain.explain,
)
NOUNS = {
    "rooms": (
        "Rooms: their life, who is in them, and what was said.",
        (
            rooms.ls,
            rooms.create,
            rooms.show,
            rooms.rename,
            rooms.close,
            rooms.rm,
            members.members,
            members.admins,
            history.history,
            history.sessions,
        ),
    ),
    "room-users": ("A user, over all rooms.", (room_users.show, room_users.history)),
    "connections": ("Who is connected, over all rooms.", (connections.ls,)),
    "messages": ("What was said in a room or a chat.", (messages.show, messages.rm)),
    "events": ("The log of all that happened.", (events.ls, events.tail, replay.replay)),
    "callbacks": (
        "What the server tells other programs.",
        (
            callbacks_admin.ls,
            callbacks_admin.add,
            callbacks_show.show,
            callbacks_admin.rm,
            callbacks_admin.enable,
            callbacks_admin.disable,
            callbacks_admin.rotate_secret,
            callbacks_samples.sample,
            callbacks_deliveries.deliveries,
            callbacks_deliveries.retry,
            callbacks_recover.recover,
            callbacks_tail.tail,
            callbacks.listen,
            forward.forward,
        ),
    ),
    "sync": (
        "What the server pushes to other programs, and what they pull from it.",
        (sync.push, sync.status, sync_pull.pull),
    ),
    "db": (
        "The database file.",
        (db.info, db.migrate, db.check, db.verify, db.backup, db.restore, db.prune, db.seed),
    ),
    "users": (
        "The accounts of team chat.",
        (
            users.ls,
            users.create,
            users.show,
            users.suspend,
            users.reactivate,
            users.set_password,
            users.reset_link,
            users.sessions,
            users.logout,
            users.erase,
            users.export,
        ),
    ),
    "workspaces": (
        "The workspaces of team chat, and who is in them.",
        (
            workspaces.ls,
            workspaces.create,
            workspaces.show,
            workspaces.members,
            workspaces.invite,
            workspaces.rm,
        ),
    ),
    "chats": (
        "The chats of team chat, and who is in them.",
        (chats.ls, chats.create, chats.show, chats.members, chats.transfer, chats.rm),
    ),
    "conversations": (
        "The conversations of the support desk.",
        (
            conversations.ls,
            conversations.show,
            conversations_change.assign,
            conversations_change.close,
            conversations_change.reopen,
            conversations_change.snooze,
            conversations_change.say,
            conversations_change.label,
            conversations_export.export,
        ),
    ),
    "sites": (
        "The sites of the support desk, whose pages show its widget.",
        (
            sites.ls,
            sites.create,
            sites.show,
            sites.set_,
            sites.rotate_key,
            sites.integration,
            sites.rm,
        ),
    ),
    "keys": (
        "Keys of programs, each of which opens a part of the server.",
        (keys.ls, keys.create, keys.rotate, keys.rm),
    ),
    "config": ("The settings in force.", (config.show, config.check)),
    "token": ("Tokens with which users join rooms.", (token.mint, token.inspect)),
}
GROUPS = (
    ("Server", ("serve", "init", "status", "config", "db")),
    ("Rooms", ("rooms", "connections", "say", "watch", "export")),
    (
        "Moderation",
        ("ban", "unban", "bans", "kick", "mute", "unmute", "mutes", "messages", "room-users"),
    ),
    ("Team chat", ("users", "workspaces", "chats")),
    ("Support desk", ("inbox", "conversations", "sites")),
    ("Identity", ("keys", "token")),
    ("Log", ("events",)),
    ("Callbacks", ("callbacks", "sync")),
    ("More", ("completion", "help")),
)
HELP_OPTIONS = ("-h", "--help")


class _Command(TyperCommand):
    def get_help(self, ctx: Any) -> str:
        return _help_of_verb(ctx.command_path, self.params).rstrip("\n")


class _Group(TyperGroup):
    def get_help(self, ctx: Any) -> str:
        words = tuple(ctx.command_path.split()[1:])
        return (help_of(words) or "").rstrip("\n")


class _Lazy(Mapping[str, Any]):
    """Commands by their names, each made at the first look."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def root() -> Any:
    """Typer's command for ``chatctl``."""
    makers: dict[str, Callable[[], Any]] = {verb.name: _maker(verb) for verb in VERBS}
    for name, (_, verbs) in NOUNS.items():
        makers[name] = _noun_maker(name, verbs)
    typed = _typer()
    typed.callback(invoke_without_command=True)(_root)
    return _group("chatctl", typed, makers)


def _maker(verb: Verb) -> Callable[[], Any]:
    def made() -> Any:
        typed = _typer()
        verb.add_to(typed, _Command)
        return typer.main.get_command(typed)

    return made


def _noun_maker(name: str, verbs: Sequence[Verb]) -> Callable[[], Any]:
    makers = {verb.name: _maker(verb) for verb in verbs}
    return lambda: _group(name, _typer(), makers)


def _group(name: str, typed: typer.Typer, makers: Mapping[str, Callable[[], Any]]) -> Any:
    made = typer.main.get_group(typed)
    made.name = name
    made.commands = _Lazy(makers)  # type: ignore[assignment]  # Typer only looks into it
    return made


def _typer() -> typer.Typer:
    return typer.Typer(
        cls=_Group,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP_OPTIONS)},
    )


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        stdout.write(f"chatctl {chatctl.__version__}\n")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        stdout.write(context.get_help() + "\n")


def help_of(words: tuple[str, ...]) -> str | None:
    """What ``--help`` says of a command; None when there is none of that name."""
    if not words:
        return manual.overview(_sentences(), GROUPS, connection.state(), columns())
    path = " ".join(("chatctl", *words))
    if len(words) == 1 and words[0] in NOUNS:
        return manual.noun(path, *NOUNS[words[0]], columns())
    return _help_of_verb(path, _params(words)) if path in dict(_verbs()) else None


def _help_of_verb(path: str, params: Sequence[Any]) -> str:
    return manual.command(path, dict(_verbs())[path], params, columns())


def _verbs() -> Iterator[tuple[str, Verb]]:
    """Every verb by what one types."""
    yield from ((f"chatctl {verb.name}", verb) for verb in VERBS)
    for noun, (_, verbs) in NOUNS.items():
        yield from ((f"chatctl {noun} {verb.name}", verb) for verb in verbs)


def example(path: str) -> str:
    return dict(_verbs())[path].example


def commands() -> list[tuple[str, Verb, Sequence[Any]]]:
    """Path, verb and Typer's parameters of every command."""
    return [(path, verb, _params(path.split()[1:])) for path, verb in _verbs()]


def _params(words: Sequence[str]) -> Sequence[Any]:
    made = root()
    for word in words:
        made = made.commands[word]
    return list(made.params)


def first_words() -> set[str]:
    return {*NOUNS, *(verb.name for verb in VERBS)}


def names() -> list[str]:
    return [*NOUNS, *(path.removeprefix("chatctl ") for path, _ in _verbs())]


def _sentences() -> dict[str, str]:
    return {
        **{verb.name: verb.sentence for verb in VERBS},
        **{name: sentence for name, (sentence, _) in NOUNS.items()},
    }


def columns() -> int:
    """As wide as the terminal, and no wider than one likes to read."""
    if not sys.stdout.isatty():
        return manual.WIDEST
    return min(manual.WIDEST, shutil.get_terminal_size().columns)
