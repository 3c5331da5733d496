"""The server that runs has read its settings at its start: what was changed since is named."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import pytest
from prepared_server import Chatctl, Finished
from real_server import Serving
from same_process import Here

from chatctl_server.process import fingerprints, lock
from chatctl_server.settings.sources import load

SECRET = "correct-horse-battery-staple-0123456789"
OTHER = "another-horse-battery-staple-0123456789"
MINT = ("token", "mint", "--user", "anna")
EMPTY: Mapping[str, str] = MappingProxyType({})
BASE = {"DATABASE_URL": "sqlite:./chat.db", "ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET}


class Started:
    """A server that holds the lock of ``chat.db``, with the settings that it was started with."""

    def __init__(self, here: Here, held: ExitStack) -> None:
        self._here = here
        self._held = held
        self.file = here.directory / "chatctl.toml"
        self.pid = 0

    def configure(self, **settings: str | int) -> None:
        lines = {**BASE, **settings}.items()
        self.file.write_text("".join(f"{name} = {json.dumps(text)}\n" for name, text in lines))
        self.file.chmod(0o600)

    def start(
        self, environ: Mapping[str, str] = EMPTY, *, marked: bool = True, **flags: str
    ) -> None:
        path = lock.lock_path(self._here.directory / "chat.db")
        mine = self._held.enter_context(lock.acquire(path, "server"))
        loaded = load(flags, environ=environ, cwd=self._here.directory)
        taken = fingerprints.taken(loaded) if marked else None
        mine.ready("http://127.0.0.1:1", None, "0.1.0", None, taken)
        self.pid = mine.holder.pid

    def warning(self, names: str) -> str:
        return (
            f"the server that runs (pid {self.pid}) was started with other values of {names}: "
            "they take effect at its next start"
        )


@pytest.fixture
def started(here: Here) -> Iterator[Started]:
    with ExitStack() as held:
        server = Started(here, held)
        server.configure()
        yield server


def noted(done: Finished) -> list[str]:
    return [
        line.removeprefix("chatctl: warning: ")
        for line in done.stderr.splitlines()
        if "other values" in line
    ]


def test_what_was_changed_since_the_start_is_named(here: Here, started: Started) -> None:
    started.start()
    started.configure(ROOM_TOKEN_SECRET=OTHER, BIND_ADDRESS="127.0.0.1:4000")
    both = started.warning("BIND_ADDRESS, ROOM_TOKEN_SECRET")
    assert noted(here("config", "show")) == [both]
    assert noted(here("config", "check")) == [both]
    assert both in json.loads(here("config", "check", "--json").stdout)["warnings"]
    # Also for those who name the file, as beside a service.
    assert noted(here("config", "show", "--config", "chatctl.toml")) == [both]


def test_those_who_make_tokens_are_told_of_what_concerns_tokens(
    here: Here, started: Started
) -> None:
    started.start()
    started.configure(BIND_ADDRESS="127.0.0.1:4000")
    assert here(*MINT).stderr == ""
    started.configure(ROOM_TOKEN_SECRET=OTHER, BIND_ADDRESS="127.0.0.1:4000")
    done = here(*MINT)
    assert noted(done) == [started.warning("ROOM_TOKEN_SECRET")]
    read = here("token", "inspect", "-", stdin=done.stdout)
    assert noted(read) == [started.warning("ROOM_TOKEN_SECRET")]


def test_of_many_only_the_first_are_named(here: Here, started: Started) -> None:
    started.start()
    started.configure(
        MAX_BODY_BYTES=9999,
        MAX_CONNECTIONS=9,
        METRICS_KEY=OTHER,
        RESUME_LIMIT=9,
        LOG_LEVEL="debug",
        ROOM_IDENTITY="open",
        CORS_ORIGINS="https://a.example",
    )
    names = "CORS_ORIGINS, LOG_LEVEL, MAX_BODY_BYTES, MAX_CONNECTIONS, METRICS_KEY and 2 more"
    assert noted(here("config", "show")) == [started.warning(names)]


def test_another_file_is_named(here: Here, started: Started) -> None:
    started.start()
    other = here.directory / "its.toml"
    other.write_text('DATABASE_URL = "sqlite:./chat.db"\nMAX_CONNECTIONS = 5\n')
    (said,) = noted(here("config", "show", "--config", "its.toml"))
    ours = here.directory / "chatctl.toml"
    assert said.endswith(f": it read {ours}, and here {other} is read")


@pytest.mark.parametrize("name", ["ROOM_TOKEN_SECRET", "CREDENTIALS_DIRECTORY"])
def test_what_only_the_server_is_given_is_not_promised(
    here: Here, started: Started, name: str
) -> None:
    """As from a unit of systemd: at its next start it has that value again."""
    directory = here.directory / "credentials"
    directory.mkdir()
    secret = directory / "room-token-secret"
    secret.write_text(OTHER)
    secret.chmod(0o600)
    given = OTHER if name == "ROOM_TOKEN_SECRET" else str(directory)
    started.configure(ROOM_TOKEN_SECRET=SECRET if name == "ROOM_TOKEN_SECRET" else "")
    started.start({name: given})
    started.configure()
    (said,) = noted(here(*MINT))
    assert said.endswith("of ROOM_TOKEN_SECRET: its environment is not the one of this command")


def test_without_a_difference_nothing_is_said(here: Here, started: Started) -> None:
    started.start(BIND_ADDRESS="0.0.0.0:5000")  # a flag is meant to be another value
    assert noted(here("config", "show")) == []
    assert noted(here("config", "check")) == []


def test_a_server_that_does_not_tell_is_not_guessed_at(here: Here, started: Started) -> None:
    started.start(marked=False)
    started.configure(ROOM_TOKEN_SECRET=OTHER)
    assert noted(here("config", "show")) == []


class TestMarks:
    def test_no_value_is_in_them_and_every_start_has_its_own(self, started: Started) -> None:
        started.configure(ADMIN_API_KEY=OTHER)
        loaded = load(environ={}, cwd=started.file.parent)
        one, two = fingerprints.taken(loaded), fingerprints.taken(loaded)
        assert one.file == str(started.file)
        assert all(len(each) == fingerprints.DIGITS for each in one.fingerprints.values())
        assert all(one.fingerprints[name] != two.fingerprints[name] for name in one.fingerprints)
        for text in (SECRET, OTHER, "127.0.0.1"):
            assert text not in repr(one)

    def test_what_could_be_guessed_has_none(self, started: Started) -> None:
        """And is not compared, whichever side it is on."""
        started.configure(ADMIN_API_KEY="dev", DATA_CALLBACK_URL="http://u:pw@127.0.0.1/?k=1")
        weak = load(environ={}, cwd=started.file.parent)
        started.configure(ADMIN_API_KEY=OTHER, DATA_CALLBACK_URL="http://u:no@127.0.0.1/?k=2")
        strong = load(environ={}, cwd=started.file.parent)
        assert "ADMIN_API_KEY" not in fingerprints.taken(weak).fingerprints
        assert fingerprints.differing(fingerprints.taken(weak), strong.settings) == []
        assert fingerprints.differing(fingerprints.taken(strong), weak.settings) == []

    def test_a_secret_that_was_set_or_taken_away_differs(self, started: Started) -> None:
        without = load(environ={}, cwd=started.file.parent)
        started.configure(METRICS_KEY=OTHER)
        taken = fingerprints.taken(load(environ={}, cwd=started.file.parent))
        assert fingerprints.differing(taken, without.settings) == ["METRICS_KEY"]

    def test_what_others_may_read_holds_none(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db.lock"
        ours = lock.Configured(None, "salt", {"A": "b"})
        path.touch(0o644)
        with lock.acquire(path, "server") as held:
            for mode, shown in ((0o644, None), (0o600, ours)):
                path.chmod(mode)
                held.ready(None, None, "1", None, ours)
                holder = lock.read(path)
                assert (holder is not None, holder and holder.configured) == (True, shown)


def test_a_real_server_tells_of_itself(chatctl: Chatctl, here: Here) -> None:
    """In memory, too: its database is the one of settings that name none."""
    with Serving(chatctl) as serving:
        assert here("config", "show").stderr == ""
        done = here("config", "show", RESUME_LIMIT="7")
        of_a_file = here("config", "show", "--db", "sqlite:./chat.db").stderr
    pid = serving.process.pid
    assert noted(done) == [
        f"the server that runs (pid {pid}) was started with other values of RESUME_LIMIT: "
        "its environment is not the one of this command"
    ]
    told = f"a server is running with a database in memory (pid {pid})"
    assert of_a_file.startswith(f"chatctl: warning: {told}")
