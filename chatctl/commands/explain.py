"""``chatctl help``."""

from difflib import get_close_matches
from typing import Annotated

from chatctl.shell import failures, manual
from chatctl.shell.options import Options, arg, verb
from chatctl.show import stdout


@verb("help", "chatctl help exit-codes", "chatctl help rooms create")
def explain(
    options: Options, words: Annotated[list[str] | None, arg("[TOPIC|COMMAND]")] = None
) -> None:
    """Explain a command, or exit codes, environment, options, input, output."""
    # The commands' names stand with the command line, which imports this module.
    from chatctl.shell import registry

    path = tuple(words or ())
    if path == ("markdown",):
        stdout.write(manual.markdown(registry.commands()))
    elif path[:1] and path[0] in manual.TOPICS:
        stdout.write(manual.topic(path[0], registry.commands()[0][2], registry.columns()))
    else:
        found = registry.help_of(path)
        if found is None:
            raise _unknown(path, [*manual.TOPICS, *registry.names()])
        stdout.write(found)


def _unknown(path: tuple[str, ...], known: list[str]) -> failures.Failure:
    asked = " ".join(path)
    close = get_close_matches(asked, known, n=1)
    return failures.usage(
        f"there is no help on {asked}", f"chatctl help {close[0]}" if close else "chatctl help"
    )
