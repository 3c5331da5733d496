"""A hint's command, typed as it stands, acts on the same server or file as the one that failed."""

import shlex

import pytest
from same_process import Here

from chatctl.shell import places, registry


@pytest.mark.parametrize(
    ("hint", "completed"),
    [
        ("chatctl rooms ls", "chatctl rooms ls --server http://h:1 --db 'a b.db'"),
        ("chatctl db migrate", "chatctl db migrate --db 'a b.db'"),
        ("chatctl sync status, or a longer --timeout",
         "chatctl sync status --server http://h:1 --db 'a b.db', or a longer --timeout"),
        ("chatctl serve --db sqlite:./x.db, which creates it, or chatctl db info",
         "chatctl serve --db sqlite:./x.db, which creates it, or chatctl db info --db 'a b.db'"),
        ("chatctl db migrate --db sqlite:./x.db", "chatctl db migrate --db sqlite:./x.db"),
        ("chatctl rooms create --help", "chatctl rooms create --help"),
        ("chatctl help rooms create", "chatctl help rooms create"),
        ("--server http://127.0.0.1:1", "--server http://127.0.0.1:1"),
        ("the chatctl of the server: pip install x", "the chatctl of the server: pip install x"),
    ],
)  # fmt: skip
def test_a_hint_has_the_places_of_what_failed(hint: str, completed: str) -> None:
    args = ["rooms", "show", "x", "--server=http://h:1", "--db", "a b.db", "--", "--config", "c"]
    known = registry.first_words()
    assert places.completed(hint, args, known) == completed
    assert places.completed(hint, ["rooms", "show", "x"], known) == hint


def test_what_a_hint_names_is_done_where_it_was_asked_for(here: Here) -> None:
    """Not to the room of the same name on the server that is found without being named."""
    database = f"sqlite:{here.directory}/other.db"
    assert here("db", "migrate", "--db", database).exit == 0
    assert here("rooms", "create", "office", "--db", database, "--quiet").exit == 0
    done = here("rooms", "close", "office", "--db", database)
    assert done.exit == 2
    hint = done.stderr.splitlines()[-1].removeprefix("  try: ")
    assert hint == f"chatctl rooms close office --yes --db {database}"
    assert here(*shlex.split(hint)[1:], "--json").stdout.startswith('{"changed":true')
