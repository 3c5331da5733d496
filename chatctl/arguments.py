"""The words of the command line before Typer reads them: what Typer would take wrongly."""

from collections.abc import Sequence
from typing import Any

from chatctl.failures import usage


def checked(command: Any, args: Sequence[str]) -> None:
    """Raises Failure for what is no text, and for an option as another one's value.

    ``command`` is Typer's, with its sub-commands; Typer would make ``--json`` the admin of
    ``rooms create lobby --admin --json``.
    """
    for arg in args:
        if not _is_unicode(arg):
            raise usage(f"the argument {arg!a} is no valid UTF-8")
    words = list(args[: args.index("--")]) if "--" in args else list(args)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    options = {name: each for each in command.params for name in each.opts if name[0] == "-"}
    left = iter(words)
    for word in left:
        if word not in options or options[word].is_flag:
            continue
        value = next(left, None)
        if value in options:
            raise usage(
                f"{word} needs a value, and {value} is an option",
                f"{word}={value}, if it is the value" if word[1] == "-" else None,
            )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
