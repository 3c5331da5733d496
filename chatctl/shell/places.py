"""Which server or file a command was given, for the commands that its hints and notes name: typed
as they stand, they are to act on the same one."""

import re
import shlex
from collections.abc import Collection, Sequence

from chatctl.shell.options import Options

_PLACES = ("--server", "--db", "--config", "--api-key-file")
_OF_FILES = ("--db", "--config")
_ON_FILES = ("db", "config", "token")  # nouns whose commands know no server
_ELSEWHERE = ("serve", "init", "help", "completion")
_COMMAND = re.compile(r"chatctl (\w[\w-]*)(?: [^,;]*)?")


def of(options: Options) -> list[str]:
    """The words."""
    given = (options.server, options.db, options.config, options.api_key_file)
    return [
        word
        for name, text in zip(_PLACES, given, strict=True)
        if text is not None
        for word in (name, text)
    ]


def rest(options: Options, words: Sequence[str]) -> str:
    """The command that shows what a list has left out, in the same form."""
    return shlex.join([*words, *of(options), "--all", *(["--json"] if options.json else [])])


def completed(hint: str, args: Sequence[str], commands: Collection[str]) -> str:
    """A hint with the places that ``args``, the failed command's, name. ``commands``: the first
    words of all; what else follows the program's name is prose."""
    given = _typed(args)
    if not given:
        return hint

    def same_place(found: re.Match[str]) -> str:
        command, noun = found[0], found[1]
        is_whole = any(name in command for name in (*_PLACES, "--help", "…"))
        if is_whole or noun in _ELSEWHERE or noun not in commands:
            return command
        known = _OF_FILES if noun in _ON_FILES else _PLACES
        words = [word for name, text in given.items() if name in known for word in (name, text)]
        return " ".join([command.rstrip(), *map(shlex.quote, words)])

    return _COMMAND.sub(same_place, hint)


def _typed(args: Sequence[str]) -> dict[str, str]:
    words = list(args[: args.index("--")] if "--" in args else args)
    found = {}
    for at, word in enumerate(words):
        name, is_joined, text = word.partition("=")
        if name in _PLACES:
            found[name] = text if is_joined else "".join(words[at + 1 : at + 2])
    return found
