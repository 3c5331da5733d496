"""The command that shows what a list has left out."""

import shlex
from collections.abc import Sequence

from chatctl.shell.options import Options


def command(options: Options, words: Sequence[str]) -> str:
    """As it was given: the same server or file, in the same form."""
    given = {
        "--server": options.server,
        "--db": options.db,
        "--config": options.config,
        "--api-key-file": options.api_key_file,
    }
    places = [word for name, text in given.items() if text is not None for word in (name, text)]
    return shlex.join([*words, *places, "--all", *(["--json"] if options.json else [])])
