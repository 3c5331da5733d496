"""The ``chatctl`` command, and the one place where errors become exit codes and lines."""

import gc
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from chatctl.shell import arguments, exits, manual, places, registry
from chatctl.shell.failures import Failure, OutputLost, lost, of_system, usage
from chatctl.show.visible import json_text, visible

# Objects. Most of what a command makes are the modules that it imports: none of it is garbage.
COLLECT_AFTER = 50_000
_A_SLIP = 0.65  # how alike two words are then
_AS_NEAR = 0.2
_WHERE = ("--port", "-p", "--host", "--listen", "--address")  # other servers' --bind
_FOLLOW = ("-f", "--follow")
# Options that one looks for at another place, and the command that has them.
_ELSEWHERE = {
    "chatctl": (("-v", "-V"), "chatctl --version"),
    "chatctl serve": (_WHERE, "chatctl serve --bind HOST:PORT"),
    "chatctl events ls": (_FOLLOW, "chatctl events tail -f"),
    "chatctl callbacks ls": (_FOLLOW, "chatctl callbacks tail -f"),
}
# Of other programs, and of our other nouns.
_VERBS = {
    "list": ("ls",),
    "delete": ("rm", "erase"),
    "remove": ("rm", "erase"),
    "rm": ("erase",),
    "add": ("create",),
    "create": ("add",),
}


def main() -> NoReturn:
    gc.set_threshold(COLLECT_AFTER)
    sys.exit(run())


def run(argv: Sequence[str] | None = None) -> int:
    """The exit code. Nothing that a command meets leaves this function as an exception."""
    args = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in args[: args.index("--") if "--" in args else None]
    _prepare_streams()
    try:
        with _signals():
            code = _called(args)
            sys.stdout.flush()
            return code
    except BaseException as error:
        return _ended_by(error, args, as_json)


def _called(args: list[str]) -> int:
    """Not Typer's own ``main``: it would turn a broken pipe into exit 1 and Ctrl-C into a line."""
    command = registry.root()
    args = with_default_verb(args)
    arguments.checked(command, args)
    try:
        with command.make_context("chatctl", args) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return exits.DONE


def with_default_verb(args: Sequence[str]) -> list[str]:
    """``rooms`` alone is ``rooms ls``, with its options; ``db`` alone asks for help."""
    noun, rest = args[:1], list(args[1:])
    if not noun or noun[0] not in registry.NOUNS:
        return list(args)
    usual = manual.usual(registry.NOUNS[noun[0]][1])
    if usual is None:
        return [*noun, *(rest or ["--help"])]
    if rest and (not rest[0].startswith("-") or rest[0] in registry.HELP_OPTIONS):
        return list(args)
    return [*noun, usual, *rest]


def _ended_by(error: BaseException, args: Sequence[str], as_json: bool) -> int:
    match error:
        case BrokenPipeError():
            _discard(sys.stdout.fileno())
            return exits.BROKEN_PIPE
        case KeyboardInterrupt():
            return exits.INTERRUPTED
        case SystemExit():
            return error.code if isinstance(error.code, int) else exits.UNEXPECTED
    failure = _failure_of(error)
    if failure.hint:
        failure.hint = places.completed(failure.hint, args, registry.first_words())
    return _told(failure, as_json)


def _failure_of(error: BaseException) -> Failure:
    match error:
        case Failure():
            return error
        case TyperException():
            return _misused(error)
        case OutputLost():
            return lost(error, "some of what was asked may be done")
        case OSError():
            is_named = isinstance(error.filename, str | bytes)
            return of_system(error, os.fsdecode(error.filename) if is_named else "input or output")
    return _unexpected(error)


def _told(failure: Failure, as_json: bool) -> int:
    """The lines, or the object, on stderr; what was printed before stays printed."""
    code = exits.of(failure)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout.fileno())
    except OSError as error:
        unseen = lost(OutputLost(error)).message
        if unseen not in failure.message:
            failure.message += f"; {unseen}"
        _discard(sys.stdout.fileno())
    try:
        sys.stderr.write(_lines(failure, code, as_json))
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr.fileno())
    return code


def _lines(failure: Failure, code: int, as_json: bool) -> str:
    if as_json:
        error = {
            "code": failure.code,
            "message": failure.message,
            "hint": failure.hint,
            "exit": code,
        }
        return json_text({"error": error}) + "\n"
    more = f"  try: {visible(failure.hint)}\n" if failure.hint else ""
    return f"chatctl: {visible(failure.message)}\n{more}"


def _misused(error: TyperException) -> Failure:
    """Typer's usage errors in our form: the did-you-mean is the hint."""
    message = " ".join(error.format_message().split())
    message, _, meant = message.partition(" Did you mean ")
    message, _, several = message.partition(" (Possible options: ")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "chatctl"
    if (elsewhere := _elsewhere(message, command)) is not None:
        return usage(message, elsewhere)
    if hasattr(error, "option_name") and context is not None and context.parent is None:
        return usage(message, "options behind the verb, as in: chatctl rooms ls --json")
    if several or meant:
        possible = re.findall(r"\w[\w-]*|--\w[\w-]*", several or meant)
        typed = str(getattr(error, "option_name", "")) or message.split("'")[1]
        near = _near(typed, possible)
        if near and several:
            return usage(message, f"{command} … {', '.join(near)}")
        if near:
            return usage(message, ", ".join(f"{command} {each}" for each in near))
    return usage(message, f"{command} --help")


def _elsewhere(message: str, command: str) -> str | None:
    """Of something missing, an example. Of an option or a verb of other programs, ours. Of a first
    word that is no command: the verb of that name, or the noun with that in it."""
    if message.startswith("Missing "):
        return registry.example(command)
    options, meant = _ELSEWHERE.get(command, ((), ""))
    if message.removeprefix("No such option: ") in options:
        return meant
    found = re.fullmatch(r"No such command '([\w-]+)'\.?", message)
    if found is None:
        return None
    word = found[1]
    paths = [path for path, _, _ in registry.commands()]
    if command != "chatctl":
        ours = [f"{command} {each}" for each in _VERBS.get(word, ())]
        return next((each for each in ours if each in paths), None)
    if word == "version":
        return "chatctl --version"
    verbs = [path for path in paths if path.split()[-1] == word]
    word = word.removesuffix("s")
    nouns = [
        f"chatctl {each}"
        for each in registry.NOUNS
        if word in (each.removesuffix("s"), each.split("-")[-1].removesuffix("s"))
    ]
    return ", ".join(nouns or verbs) or None


def _near(typed: str, possible: list[str]) -> list[str]:
    """Those that a slip makes of it, the nearest first: others would lead astray."""
    from difflib import SequenceMatcher

    word = typed.strip("-")
    ratios = {each: SequenceMatcher(None, word, each.strip("-")).ratio() for each in possible}
    near = [each for each in possible if ratios[each] >= _A_SLIP or each.startswith(typed)]
    best = max(map(ratios.__getitem__, near), default=0)
    near = [each for each in near if ratios[each] > best - _AS_NEAR]
    return sorted(near, key=lambda each: -ratios[each])


def _unexpected(error: BaseException) -> Failure:
    if os.environ.get("CHATCTL_DEBUG") == "1":
        told = "".join(traceback.format_exception(error)).split("\n")
        sys.stderr.write("\n".join(map(visible, told)))
    return Failure(
        "internal",
        f"unexpected {type(error).__name__}: {error}",
        "the same with CHATCTL_DEBUG=1 in the environment, and report what it prints",
    )


def _discard(descriptor: int) -> None:
    """Python flushes its streams once more at the end; there must be somewhere to flush to."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _prepare_streams() -> None:
    """Streams that exist, and that write every character somehow."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - for the whole run
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by the caller, as by ``>&-``.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and Ctrl-C leave through the same ``finally`` as every other end, and exit 143 and
    130. Whoever ignores Ctrl-C goes on doing so."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(exits.TERMINATED)

    handlers: dict[int, Callable[[int, FrameType | None], object]] = {signal.SIGTERM: stop}
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        handlers[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.getsignal(number) for number in handlers}
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
