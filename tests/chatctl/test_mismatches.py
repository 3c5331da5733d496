"""Settings are read here, and the server that runs may have others: then that is said."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from same_process import Here

from chatctl_server.process import lock, servers

SECRET = {"ROOM_TOKEN_SECRET": "correct-horse-battery-staple-0123456789", "ROOM_IDENTITY": "token"}
MINT = ("token", "mint", "--user", "anna")
SHOW = ("config", "show")


class Registry:
    """Servers of this user; each holds its lock until the test is over."""

    def __init__(self, here: Here, held: ExitStack) -> None:
        self._directory = servers.runtime_dir({"XDG_RUNTIME_DIR": str(here.runtime)})
        self._held = held

    def runs(
        self,
        database: Path,
        *,
        registered: bool = True,
        configured: lock.Configured | None = None,
    ) -> None:
        path = lock.lock_path(database)
        mine = self._held.enter_context(lock.acquire(path, "server", database=str(database)))
        mine.ready("http://127.0.0.1:1", None, "0.1.0", None, configured)
        if registered:
            servers.register(mine, self._directory)


@pytest.fixture
def registry(here: Here) -> Iterator[Registry]:
    with ExitStack() as held:
        yield Registry(here, held)


def test_a_server_with_another_database_is_named(here: Here, registry: Registry) -> None:
    other = here.directory / "other.db"
    registry.runs(other)
    (here.directory / "chatctl.toml").write_text('DATABASE_URL = "sqlite:./chat.db"\n')
    for args in (MINT, SHOW, ("config", "check")):
        done = here(*args, **SECRET)
        (said,) = done.stderr.splitlines()
        assert said.startswith(f"chatctl: warning: a server is running with {other} (pid ")
        assert f", and {here.directory}/chatctl.toml names {here.directory}/chat.db: " in said
        assert said.endswith("--config FILE names the configuration of that server")
        assert (done.stdout != "", done.exit) == (True, 0)


def test_it_is_said_where_the_secret_is_missing_here(here: Here, registry: Registry) -> None:
    registry.runs(here.directory / "other.db")
    done = here(*MINT)
    assert "and what is configured here names no database file: " in done.stderr
    assert done.stderr.splitlines()[1] == "chatctl: no ROOM_TOKEN_SECRET is set to sign tokens with"


def test_of_several_servers_all_are_named(here: Here, registry: Registry) -> None:
    for name in ("b.db", "a.db"):
        registry.runs(here.directory / name)
    said = here(*SHOW).stderr
    assert said.startswith(f"chatctl: warning: servers are running with {here.directory}/a.db (pid")
    assert f", {here.directory}/b.db (pid" in said


def test_nothing_is_said_to_those_who_know(here: Here, registry: Registry) -> None:
    other = here.directory / "other.db"
    registry.runs(other)
    (here.directory / "link.db").symlink_to(other)
    (here.directory / "its.toml").write_text('DATABASE_URL = "sqlite:./chat.db"\n')
    for args in (("--db", "sqlite:./link.db"), ("--config", "its.toml"), ("--quiet",)):
        assert here(*SHOW, *args).stderr == "", args
    assert here(*SHOW, CHAT_CONFIG="its.toml").stderr == ""


@pytest.mark.parametrize("registered", [True, False])
def test_beside_the_server_of_this_configuration_others_do_not_matter(
    here: Here, registry: Registry, *, registered: bool
) -> None:
    """As that of a service, whose user has a registry of its own."""
    registry.runs(here.directory / "other.db")
    registry.runs(here.directory / "chat.db", registered=registered)
    assert here(*SHOW, "--db", "sqlite:./chat.db").stderr == ""


def test_a_file_is_used_directly_beside_the_server_of_another(
    here: Here, registry: Registry
) -> None:
    """A change may be meant for the other one; --quiet is the word of who knows."""
    here("db", "migrate", "--db", "sqlite:./chat.db")
    registry.runs(here.directory / "other.db")
    mine = here.directory / "chat.db"
    for args in (("rooms", "create", "lobby"), ("rooms", "ls")):
        first, second = here(*args, "--db", "sqlite:./chat.db").stderr.splitlines()[:2]
        assert first == f"chatctl: no server is running for {mine}; using the file directly"
        assert second.startswith("chatctl: warning: a server is running with ")
        assert f"{here.directory}/other.db (pid " in second
        assert here(*args, "--db", "sqlite:./chat.db", "--quiet").stderr == ""
