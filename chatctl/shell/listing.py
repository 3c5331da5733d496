"""Lists that are cut: the newest so many of them, or all that there are."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

from chatctl.link.client import Client, Json, Params
from chatctl.shell.failures import usage
from chatctl.shell.options import Options, opt

USUAL = 100
LARGEST_PAGE = 1000

Limit = Annotated[int | None, opt("--limit", f"At most N; {USUAL} unless given.", "N", min=1)]
Everything = Annotated[bool, opt("--all", "All there are.")]


def most(limit: int | None, everything: bool, usual: int = USUAL) -> int | None:
    """None for all."""
    if everything and limit is not None:
        raise usage("--all and --limit contradict each other", "one of the two")
    return None if everything else usual if limit is None else limit


def pages(server: Client, path: str, query: Params, most: int | None) -> Iterator[list[Json]]:
    """With, where there are more than ``most``, at least one more."""
    size = LARGEST_PAGE if most is None else min(most + 1, LARGEST_PAGE)
    seen = 0
    for page in server.pages(path, {**query, "limit": size}):
        yield page
        seen += len(page)
        if most is not None and seen > most:
            return
        server.renew()


def show(
    options: Options,
    pages: Iterable[list[Json]],
    most: int | None,
    rows: Callable[[list[Json]], None],
) -> tuple[Json, Json] | None:
    """By ``rows``; the last that is shown and the first that is not, where there are more. Into a
    pipe all of them go page by page: there may be more than the memory holds."""
    if most is None and not options.json and not sys.stdout.isatty():
        for page in pages:
            rows(page)
        return None
    found = [each for page in pages for each in page]
    rows(found[:most])
    return (found[most - 1], found[most]) if most is not None and len(found) > most else None
