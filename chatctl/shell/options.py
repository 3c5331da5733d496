"""The options that stand behind every verb, and what makes a function a verb."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer
from typer.core import TyperCommand

from chatctl.input import times
from chatctl.shell import failures
from chatctl.show import stdout

if TYPE_CHECKING:
    from chatctl.show.output import Column

P = ParamSpec("P")

DEFAULT_TIMEOUT = "30s"
DEFAULT_LOCK_TIMEOUT = "10s"


def opt(names: str, help: str, metavar: str | None = None, **more: Any) -> Any:  # noqa: A002
    """An option: its names with spaces between them, and how its value is called."""
    return typer.Option(*names.split(), help=help, metavar=metavar, **more)


def arg(metavar: str, **more: Any) -> Any:
    """An argument, whose command says what it is."""
    return typer.Argument(metavar=metavar, show_default=False, **more)


Server = Annotated[str | None, opt("--server", "Talk to this server (CHATCTL_SERVER).", "URL")]
Db = Annotated[str | None, opt("--db", "The database, e.g. sqlite:./chat.db.", "URL")]
Config = Annotated[str | None, opt("--config", "The configuration file.", "FILE")]
ApiKeyFile = Annotated[str | None, opt("--api-key-file", "The admin API key; - is stdin.", "FILE")]
AsJson = Annotated[bool, opt("--json", "One JSON document.")]
Quiet = Annotated[bool, opt("--quiet", "No notes, no progress (help output).")]
Timeout = Annotated[str, opt("--timeout", "Wait this long for the server.", "TIME")]
NoColor = Annotated[bool, opt("--no-color", "No colour.")]
LockTimeout = Annotated[str, opt("--lock-timeout", "Wait this long for the file.", "TIME")]


@dataclass(frozen=True)
class Options:
    """What the common options said. ``None`` is "not given"."""

    server: Server = None
    db: Db = None
    config: Config = None
    api_key_file: ApiKeyFile = None
    json: AsJson = False
    quiet: Quiet = False
    timeout: Timeout = DEFAULT_TIMEOUT
    no_color: NoColor = False
    lock_timeout: LockTimeout = DEFAULT_LOCK_TIMEOUT

    def __post_init__(self) -> None:
        """Raises Failure ``usage`` for what is no time."""
        _ = self.timeout_seconds, self.lock_timeout_seconds

    @property
    def timeout_seconds(self) -> float:
        return times.duration(self.timeout, "--timeout")

    @property
    def lock_timeout_seconds(self) -> float:
        return times.duration(self.lock_timeout, "--lock-timeout")


COMMON = tuple(inspect.signature(Options).parameters)


@dataclass(frozen=True)
class Verb:
    """A command: its function takes the common options first. The docstring is its sentence.

    ``exits``: each code, with the reason that this command has for it, or "". ``asked`` makes one
    value of options that several commands share; the function takes it second. ``timeout``: what
    ``--timeout`` is unless given.
    """

    name: str
    run: Callable[..., None]
    examples: Sequence[str]
    exits: Mapping[int, str]
    changes: bool
    columns: Sequence["Column"]
    asked: Callable[..., object] | None
    timeout: str

    @property
    def sentence(self) -> str:
        return (inspect.getdoc(self.run) or "").split("\n")[0]

    @property
    def example(self) -> str:
        return f"as in: {self.examples[0]}"

    def add_to(self, app: typer.Typer, cls: type[TyperCommand]) -> None:
        """``cls`` writes the help."""
        app.command(self.name, cls=cls)(self._with_common_options())

    def _with_common_options(self) -> Callable[..., None]:
        makers = (Options,) if self.asked is None else (Options, self.asked)
        common, *shared = (inspect.signature(maker).parameters for maker in makers)
        own = list(inspect.signature(self.run).parameters.values())[len(makers) :]

        def command(**given: Any) -> None:
            made = [
                maker(**{name: given.pop(name) for name in names})
                for maker, names in zip(makers, (common, *shared), strict=True)
            ]
            try:
                self.run(*made, **given)
            except failures.Failure as failure:
                if failure.message.startswith("Missing argument"):
                    failure.hint = failure.hint or self.example
                raise
            try:
                stdout.flush()
            except failures.OutputLost as lost:
                done = self.changes and not given.get("dry_run")
                raise failures.lost(lost, "what was asked is done" if done else "") from lost

        usual = {**common, "timeout": common["timeout"].replace(default=self.timeout)}
        parameters = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for group in (*(each.values() for each in shared), own, usual.values())
            for parameter in group
        ]
        # Typer reads a command's parameters from its signature.
        vars(command)["__signature__"] = inspect.Signature(parameters)
        return command


# What any command may meet: usage, no server, a held lock, a timeout, a file that is damaged or no
# database, something unexpected.
_ALWAYS = (0, 1, 2, 6, 7, 8, 10)


def verb(
    name: str,
    *examples: str,
    exits: Sequence[int] = (),
    because: Mapping[int, str] = MappingProxyType({}),
    changes: bool = False,
    columns: Sequence["Column"] = (),
    asked: Callable[..., object] | None = None,
    timeout: str = DEFAULT_TIMEOUT,
) -> Callable[[Callable[Concatenate[Options, P], None]], Verb]:
    """``examples`` are two commands; ``exits`` the codes beside those that every command has,
    ``because`` what one of them says here; ``changes``: it does not only read; ``columns``: of the
    list that it prints."""

    def made(function: Callable[Concatenate[Options, P], None]) -> Verb:
        codes = {code: because.get(code, "") for code in (*_ALWAYS, *exits)}
        return Verb(name, function, examples, codes, changes, columns, asked, timeout)

    return made


RoomWords = Annotated[list[str] | None, arg("ROOM")]
RoomOption = Annotated[
    str | None, opt("-R --room", "The room, instead of the first argument.", "ROOM")
]
OnlyOfRoom = Annotated[str | None, opt("-R --room", "Only of this room.", "ROOM")]


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
