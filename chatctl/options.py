"""The options that stand behind every verb, and what makes a function a verb."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer
from typer.core import TyperCommand

from chatctl import failures, stdout, times

if TYPE_CHECKING:
    from chatctl.output import Column

P = ParamSpec("P")

DEFAULT_TIMEOUT = "30s"
DEFAULT_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True)
class Options:
    """What the common options said. ``None`` is "not given"."""

    server: str | None = None
    db: str | None = None
    config: str | None = None
    api_key_file: str | None = None
    json: bool = False
    quiet: bool = False
    timeout_seconds: float = 30.0
    no_color: bool = False
    lock_timeout_seconds: float = 10.0


def _common(
    *,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Talk to this server (CHATCTL_SERVER)."),
    ] = None,
    db: Annotated[
        str | None,
        typer.Option("--db", metavar="URL", help="The database, e.g. sqlite:./chat.db."),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The configuration file.")
    ] = None,
    api_key_file: Annotated[
        str | None,
        typer.Option("--api-key-file", metavar="FILE", help="The admin API key; - is stdin."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Errors only on stderr.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="Wait this long for the server.")
    ] = DEFAULT_TIMEOUT,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour.")] = False,
    lock_timeout: Annotated[
        str, typer.Option("--lock-timeout", metavar="TIME", help="Wait this long for the file.")
    ] = DEFAULT_LOCK_TIMEOUT,
) -> Options:
    return Options(
        server=server,
        db=db,
        config=config,
        api_key_file=api_key_file,
        json=json,
        quiet=quiet,
        timeout_seconds=times.duration(timeout, "--timeout"),
        no_color=no_color,
        lock_timeout_seconds=times.duration(lock_timeout, "--lock-timeout"),
    )


COMMON = tuple(inspect.signature(_common).parameters)


@dataclass(frozen=True)
class Verb:
    """A command: its function takes the common options first. The docstring is its sentence."""

    name: str
    run: Callable[..., None]
    examples: Sequence[str]
    exits: Sequence[int]
    changes: bool
    columns: Sequence["Column"]

    @property
    def sentence(self) -> str:
        return (inspect.getdoc(self.run) or "").split("\n")[0]

    def add_to(self, app: typer.Typer, cls: type[TyperCommand]) -> None:
        """``cls`` writes the help."""
        app.command(self.name, cls=cls)(self._with_common_options())

    def _with_common_options(self) -> Callable[..., None]:
        own = list(inspect.signature(self.run).parameters.values())[1:]
        common = inspect.signature(_common).parameters

        def command(**given: Any) -> None:
            options = _common(**{name: given.pop(name) for name in common})
            self.run(options, **given)
            try:
                stdout.flush()
            except failures.OutputLost as lost:
                done = self.changes and not given.get("dry_run")
                raise failures.lost(lost, "what was asked is done" if done else "") from lost

        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in (*own, *common.values())
        ]
        # Typer reads a command's parameters from its signature.
        vars(command)["__signature__"] = inspect.Signature(parameters)
        return command


# What any command may meet: usage, no server, a held lock, a timeout, something unexpected.
_ALWAYS = (0, 1, 2, 6, 7, 8)


def verb(
    name: str,
    *,
    examples: tuple[str, str],
    exits: Sequence[int] = (),
    changes: bool = False,
    columns: Sequence["Column"] = (),
) -> Callable[[Callable[Concatenate[Options, P], None]], Verb]:
    """``exits`` are the codes beside those that every command has; ``changes``: it does not only
    read; ``columns``: of the list that it prints."""

    def made(function: Callable[Concatenate[Options, P], None]) -> Verb:
        return Verb(name, function, examples, (*_ALWAYS, *exits), changes, columns)

    return made


RoomOption = Annotated[
    str | None,
    typer.Option("-R", "--room", metavar="ROOM", help="The room, instead of the first argument."),
]


def room_and_rest(
    words: Sequence[str] | None, room: str | None, metavar: str
) -> tuple[str, list[str]]:
    """ROOM is the first word, unless ``--room`` names it."""
    given = list(words or ())
    if room is None:
        if not given:
            raise failures.usage(f"Missing argument '{metavar.split(maxsplit=1)[0]}'.")
        room = given.pop(0)
    if not room:
        raise failures.usage("ROOM is empty")
    return room, given


def only_room(words: Sequence[str] | None, room: str | None) -> str:
    found, rest = room_and_rest(words, room, "ROOM")
    if rest:
        raise failures.usage(f"Got unexpected extra argument ({rest[0]})")
    return found
