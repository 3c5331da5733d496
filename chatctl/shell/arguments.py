"""The words of the command line before Typer reads them: what Typer would take wrongly."""

from collections.abc import Sequence
from typing import Any

from chatctl.shell.failures import usage
from chatctl.shell.options import COMMON


def checked(command: Any, args: Sequence[str]) -> None:
    """Raises Failure for what is no text, for an option without its value or with another option
    as its value, and for a second value of an option that has one.

    ``command`` is Typer's, with its sub-commands; Typer would make ``--json`` the admin of
    ``rooms create lobby --admin --json``, and forget the first of ``--user a --user b``.
    """
    for arg in args:
        if not _is_unicode(arg):
            raise usage(f"the argument {arg!a} is no valid UTF-8")
    words = list(args[: args.index("--") + 1]) if "--" in args else list(args)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    _check_once(command, words)
    values = {
        name: None if each.is_flag else each.metavar
        for each in command.params
        for name in each.opts
        if name[0] == "-"
    }
    values |= dict.fromkeys(("-h", "--help", "--"))
    left = iter(words)
    for word in left:
        if values.get(word) is None:
            continue
        value = next(left, None)
        if value is None:
            raise usage(f"{word} needs a value", f"{word} {values[word]}")
        if value in values:
            meant = f"{word}={value}" if word[:2] == "--" else f"{word}{value}"
            raise usage(
                f"{word} needs a value, and {value} is an option", f"{meant}, if it is the value"
            )


def _check_once(command: Any, words: Sequence[str]) -> None:
    """Of the options that every command has the last one holds: scripts add theirs in front."""
    own = [each for each in command.params if each.opts[0][0] == "-" and each.name not in COMMON]
    once = {
        name: each.opts[0]
        for each in own
        if not (each.is_flag or each.multiple)
        for name in each.opts
    }
    given = [once[name] for word in words if (name := word.partition("=")[0]) in once]
    for name in given:
        if given.count(name) > 1:
            raise usage(f"{name} is given twice, and has one value")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
