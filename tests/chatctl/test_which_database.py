"""A database that is named is that one: no other one's server answers in its place."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prepared_server import Answer, Chatctl, Prepared, lines
from real_server import Serving
from same_process import Here

from chatctl_server.process import lock, servers

ROOMS = "GET /management/rooms"
IN_MEMORY = "sqlite::memory:"


@pytest.fixture
def of_a_file(here: Here, tmp_path: Path, server: Prepared) -> Iterator[Prepared]:
    """The only running server of this user, on ``other.db``."""
    directory = servers.runtime_dir({"XDG_RUNTIME_DIR": str(here.runtime)})
    server.answers[ROOMS] = Answer([])
    with lock.acquire(lock.lock_path(tmp_path / "other.db"), "server") as held:
        held.ready(server.url, None, "0.1.0")
        servers.register(held, directory)
        yield server


def test_with_no_database_named_the_only_server_is_meant(here: Here, of_a_file: Prepared) -> None:
    assert here("rooms") == ("", "", 0)
    assert len(of_a_file.asked) == 1


def test_memory_by_name_is_no_file(here: Here, of_a_file: Prepared) -> None:
    for words in (("rooms", "create", "x"), ("watch", "x")):
        for done in (
            here(*words, "--db", IN_MEMORY, "--json"),
            here(*words, DATABASE_URL=IN_MEMORY),
        ):
            assert (done.stdout, done.exit) == ("", 6), done
    assert of_a_file.asked == []


def test_a_database_by_name_is_not_the_server_of_another(
    here: Here, of_a_file: Prepared, chatctl: Chatctl
) -> None:
    done = here("rooms", "--db", "sqlite:./nowhere.db")
    assert (done.stdout, done.exit) == ("", 3)
    with Serving(chatctl, "--db", IN_MEMORY):
        done = here("rooms", "create", "x", "--db", IN_MEMORY)
        assert done.exit == 0, done
        listed = here("rooms", "--db", IN_MEMORY)
        assert [row.split("\t")[1] for row in listed.stdout.splitlines()] == ["x"]
    assert of_a_file.asked == []


def test_of_several_servers_the_databases_are_named(here: Here, tmp_path: Path) -> None:
    directory = servers.runtime_dir({"XDG_RUNTIME_DIR": str(here.runtime)})
    first, second = f"{tmp_path}/a.db", f"{tmp_path}/b.db"
    with ExitStack() as held:
        for name in (second, first):
            path = lock.lock_path(Path(name))
            mine = held.enter_context(lock.acquire(path, "server", database=name))
            mine.ready("http://127.0.0.1:1", None, "0.1.0")
            servers.register(mine, directory)
        done = here("db", "info")
    message = f"several servers are running, with {first}, {second}: which database is meant?"
    assert done == ("", lines(f"chatctl: {message}", f"  try: --db sqlite://{first}"), 2)
