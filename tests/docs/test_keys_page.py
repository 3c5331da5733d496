"""docs/keys.md: its commands run, in their order, in an empty directory."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from documents import blocks
from test_readme import ADDRESS, Terminals, commands

PAGE = "docs/keys.md"
EXPORT = "export CHATCTL_SERVER="


@pytest.fixture
def terminals() -> Iterator[Terminals]:
    # The path of the server's socket in it must stay below 108 bytes, and tmp_path is long.
    with TemporaryDirectory(prefix="chatctl-") as directory:
        opened = Terminals(Path(directory))
        try:
            yield opened
        finally:
            opened.close()


def test_the_commands_run(terminals: Terminals) -> None:
    ran = 0
    for block in blocks(PAGE):
        for command, output in commands(block):
            ran += 1
            if command.startswith(EXPORT):
                url = command.removeprefix(EXPORT).replace(ADDRESS, terminals.address)
                terminals.environment["CHATCTL_SERVER"] = url
                continue
            terminals.type(command, output, block)
    assert ran > 10
