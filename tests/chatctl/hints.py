"""What a hint proposes can be typed: the commands and options that it names are there. Each hint
that a test meets is looked at."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from chatctl.cli import with_default_verb
from chatctl.shell import registry

START = "  try: "
_COMMAND = re.compile(r"(?<!the )\bchatctl ([a-z-][^,;:<]*)")
_OPTION = re.compile(r"-[a-z]\b|--[a-z][a-z-]+")


def check(args: Sequence[str], stderr: str) -> None:
    for line in stderr.splitlines():
        if line.startswith(START):
            _check_hint(args, line.removeprefix(START))


def _check_hint(args: Sequence[str], hint: str) -> None:
    for words in _commands(hint):
        command = _command(words)
        assert command is not None, hint
        named = {each for each in words if _OPTION.fullmatch(each)}
        assert named <= _options(command), hint
    first = _OPTION.match(hint)
    of = _command(with_default_verb(args))
    if first is not None and of is not None:
        assert first[0] in _options(of), (of, hint)


def _commands(hint: str) -> Iterator[list[str]]:
    """The words behind each ``chatctl``, up to where the sentence goes on."""
    for found in _COMMAND.finditer(hint):
        yield re.split(r" (?:or|and|makes|with|in|writes) ", found[1].strip())[0].split()


def _command(words: Sequence[str]) -> str | None:
    """A verb with its noun, a noun alone, or nothing but options; None for what is not there."""
    names = [each for each in words if each[:1] != "-"]
    has_noun = bool(names) and names[0] in registry.NOUNS
    path = " ".join(names[: 2 if has_noun else 1])
    return path if path in _all_options() else None


def _options(command: str) -> set[str]:
    return _all_options()[command] | {"--help"}


@cache
def _all_options() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"": {"--version"}}
    for path, _, parameters in registry.commands():
        options = {name for each in parameters for name in each.opts if name[0] == "-"}
        words = path.split()[1:]
        found[" ".join(words)] = options
        found.setdefault(words[0], set()).update(options)
    return found
