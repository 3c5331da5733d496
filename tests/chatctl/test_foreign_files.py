"""What lies beside a database may come from whoever can write there: a lock or a key file that is
not its owner's is neither believed nor waited for, and no key goes where such a file points."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from prepared_server import KEY, Answer, Prepared, lines
from same_process import Here

from chatctl_server.process import lock, servers

ON_FILE = ("--db", "sqlite:./chat.db")
ROOMS = "GET /management/rooms"
STRANGER = 65_534
SECRET = "the-root-password"
UNEXPECTED, UNREACHABLE, REFUSED = 1, 6, 7


@pytest.fixture
def database(here: Here) -> Path:
    path = here.directory / "chat.db"
    path.touch(mode=0o600)
    return path


@pytest.fixture
def named(server: Prepared) -> Prepared:
    """A server that some lock names; it answers whatever key it is sent."""
    server.answers[ROOMS] = Answer([])
    return server


def _secret(path: Path) -> Path:
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


def _by_a_stranger(path: Path) -> None:
    """Only root can give a file away. Anybody can put a link where it was."""
    if os.geteuid() == 0:
        os.chown(path, STRANGER, STRANGER)
    else:
        path.symlink_to(path.rename(path.with_name("of-a-stranger")))


def _behind_a_link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


def _a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def _for_others_to_read(path: Path) -> None:
    path.chmod(0o644)


@pytest.mark.parametrize("replace", [_by_a_stranger, _behind_a_link])
def test_a_lock_that_is_not_the_owners_is_not_believed(
    here: Here, database: Path, named: Prepared, replace: Callable[[Path], None]
) -> None:
    _secret(database.with_name("chat.db.admin-key"))
    with lock.acquire(lock.lock_path(database), "server") as held:
        held.ready(named.url, None, "0.1.0", str(database) + ".admin-key")
        replace(held.path)
        done = here("rooms", *ON_FILE, ADMIN_API_KEY=KEY)
    assert (done.stdout, done.exit in (UNREACHABLE, REFUSED)) == ("", True), done
    assert str(held.path) in done.stderr
    assert named.asked == []


def test_root_believes_the_lock_of_the_databases_owner(
    here: Here, database: Path, named: Prepared
) -> None:
    with lock.acquire(lock.lock_path(database), "server") as held:
        held.ready(named.url, None, "0.1.0")
        if os.geteuid() == 0:
            for path in (database, held.path):
                os.chown(path, STRANGER, STRANGER)
        assert here("rooms", *ON_FILE, ADMIN_API_KEY=KEY) == ("", "", 0)
    assert named.asked[0].key == KEY


def test_a_lock_leads_to_this_machine_only(here: Here, database: Path) -> None:
    for url in (
        "http://192.0.2.1:1",
        "http://0.0.0.0:1",
        "http://127.0.0.1.example.org",
        "http://localhost@192.0.2.1:1",
        "https://example.org",
    ):
        with lock.acquire(lock.lock_path(database), "server") as held:
            held.ready(url, None, "0.1.0")
            done = here("rooms", *ON_FILE, ADMIN_API_KEY=KEY)
        message = f"chatctl: the server (pid {os.getpid()}) names no address\n"
        assert done == ("", message, UNREACHABLE), url


def test_a_lock_beside_a_database_names_no_key_file(
    here: Here, database: Path, named: Prepared
) -> None:
    secret = _secret(here.directory / "secret")
    with lock.acquire(lock.lock_path(database), "server") as held:
        held.ready(named.url, None, "0.1.0", str(secret))
        assert here("rooms", *ON_FILE).exit == 0
    assert [asked.key for asked in named.asked] == [None]


@pytest.mark.timeout(5)  # for a pipe that is waited for
@pytest.mark.parametrize(
    "replace", [_by_a_stranger, _behind_a_link, _a_pipe, _a_directory, _for_others_to_read]
)
def test_a_key_file_that_is_not_the_owners_alone_is_not_sent(
    here: Here, database: Path, named: Prepared, replace: Callable[[Path], None]
) -> None:
    """Neither to whom the lock names, nor to an address."""
    key_file = _secret(database.with_name("chat.db.admin-key"))
    replace(key_file)
    with lock.acquire(lock.lock_path(database), "server") as held:
        held.ready(named.url, None, "0.1.0")
        for done in (
            here("rooms", *ON_FILE),
            here("rooms", "--server", named.url, DATABASE_URL="sqlite:./chat.db"),
        ):
            assert {asked.key for asked in named.asked} <= {None}
            assert done.exit != UNEXPECTED, done
            if replace is _for_others_to_read:
                message, hint = done.stderr.splitlines()
                assert (done.exit, named.asked) == (REFUSED, [])
                assert message == f"chatctl: others may read the API key in {key_file}"
                assert hint == f"  try: chmod 600 {key_file}"


def test_the_owners_own_key_file_is_sent(here: Here, database: Path, named: Prepared) -> None:
    key_file = _secret(database.with_name("chat.db.admin-key"))
    if os.geteuid() == 0:
        for path in (database, key_file):
            os.chown(path, STRANGER, STRANGER)
    with lock.acquire(lock.lock_path(database), "server") as held:
        held.ready(named.url, None, "0.1.0")
        assert here("rooms", *ON_FILE) == ("", "", 0)
    assert named.asked[0].key == SECRET


@pytest.mark.parametrize(
    ("replace", "sent"), [(lambda _: None, SECRET), (_by_a_stranger, None), (_behind_a_link, None)]
)
def test_a_server_in_memory_names_its_key_file(
    here: Here, named: Prepared, replace: Callable[[Path], None], sent: str | None
) -> None:
    directory = servers.runtime_dir({"XDG_RUNTIME_DIR": str(here.runtime)})
    path = lock.memory_lock_path(directory)
    key_file = _secret(path.with_suffix(".admin-key"))
    replace(key_file)
    with lock.acquire(path, "server", database="sqlite::memory:") as held:
        held.ready(named.url, None, "0.1.0", str(key_file))
        servers.register(held, directory)
        assert here("rooms").exit == 0
    assert [asked.key for asked in named.asked] == [sent]


@pytest.mark.timeout(5)  # for a pipe that is waited for
@pytest.mark.parametrize("make", [_a_pipe, _behind_a_link, _a_directory])
def test_a_command_does_not_wait_for_a_lock_file_that_is_none(
    here: Here, database: Path, make: Callable[[Path], None]
) -> None:
    path = lock.lock_path(database)
    path.touch(mode=0o600)
    make(path)
    for words in (("rooms", "ls"), ("ban", "lobby", "bob")):
        done = here(*words, *ON_FILE, "--timeout", "0.2", "--lock-timeout", "0.2")
        assert (done.stdout, done.exit) == ("", UNREACHABLE)
        assert done.stderr.startswith(f"chatctl: {path} cannot be used: ")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.timeout(5)
def test_what_takes_the_lock_does_not_take_a_pipe(here: Here, database: Path) -> None:
    path = lock.lock_path(database)
    os.mkfifo(path, 0o600)
    done = here("db", "migrate", *ON_FILE, "--lock-timeout", "0.2")
    assert done == ("", lines(f"chatctl: {path} cannot be used: it is no plain file"), UNREACHABLE)
    assert stat.S_ISFIFO(path.lstat().st_mode)
