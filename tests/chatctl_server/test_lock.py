"""Who may use a database: real processes, real locks, real kills."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from chatctl_server.errors import LockHeld, NotFound, StorageFull, StorageUnavailable
from chatctl_server.process import lock, servers
from chatctl_server.process.lock import Holder

ROOT = Path(__file__).parents[2]
DEAD = Holder("server", "ready", 4_194_305, 1, url="http://127.0.0.1:1")  # above any pid

# Takes the lock, then obeys one word per line and answers each one.
PROCESS = """
import os, sys
from pathlib import Path
from chatctl_server.process import lock, servers
held = lock.acquire(Path(sys.argv[1]), sys.argv[2], 5, database=sys.argv[3] or None)
print("held", flush=True)
for line in sys.stdin:
    match line.split():
        case ["ready"]:
            held.ready(f"http://127.0.0.1:{os.getpid()}", "/run/x.sock", "1.2.3", "/x.key")
            servers.register(held, servers.runtime_dir())
        case ["stopping"]:
            held.stopping()
        case ["release"]:
            held.release()
    print("done", flush=True)
"""


class Process:
    """A server or a command that holds a lock in a process of its own."""

    def __init__(self, path: Path, role: str, home: Path, database: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), role, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(ROOT), "HOME": str(home)},
        )
        self.pid = self._process.pid
        assert self._read() == "held\n"

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def does(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._read() == "done\n"

    def killed(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self.gone()

    def gone(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Start(Protocol):
    def __call__(self, role: str, at: Path | None = None, database: str = "") -> Process: ...


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return lock.lock_path(tmp_path / "chat.db")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


@pytest.fixture
def start(path: Path, home: dict[str, str]) -> Iterator[Start]:
    started: list[Process] = []

    def start(role: str, at: Path | None = None, database: str = "") -> Process:
        started.append(Process(at or path, role, Path(home["HOME"]), database))
        return started[-1]

    yield start
    for process in started:
        process.killed()


def test_all_names_of_a_database_have_one_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "other.db").symlink_to("chat.db")
    expected = tmp_path.resolve() / "real" / "chat.db.lock"
    for name in ("real/chat.db", "link/chat.db", "link/other.db", "link/../real/chat.db"):
        assert lock.lock_path(tmp_path / name) == expected


def test_a_server_describes_itself_step_by_step(path: Path) -> None:
    assert lock.read(path) is None
    assert not path.exists()
    held = lock.acquire(path, "server", 0)
    holder = lock.read(path)
    assert holder == Holder(
        "server", "starting", os.getpid(), lock.process_start_time(os.getpid()) or 0
    )
    assert not holder.ready

    held.ready("http://127.0.0.1:3000", "/run/chat.sock", "1.0", "/x.key")
    holder = lock.read(path)
    assert holder is not None
    assert (holder.ready, holder.url) == (True, "http://127.0.0.1:3000")
    assert holder.socket == "/run/chat.sock"
    assert (holder.version, holder.key_file) == ("1.0", "/x.key")

    held.stopping()
    holder = lock.read(path)
    assert holder is not None
    assert not holder.ready
    held.release()
    held.release()
    assert lock.read(path) is None
    assert not path.exists()


def test_the_file_is_its_owners_and_stays_beside_the_database(tmp_path: Path, path: Path) -> None:
    """Root leaves it to the owner of the database. What was written before is gone."""
    path.with_suffix("").touch()
    if os.geteuid() == 0:
        for each in (tmp_path, path.with_suffix("")):
            os.chown(each, 12_345, 12_345)
    with lock.acquire(path, "server", 0) as held:
        held.ready("http://" + "x" * 500, None, "1.0")
    with lock.acquire(path, "command", 0):
        assert msgspec.json.decode(path.read_bytes(), type=Holder).role == "command"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_uid == tmp_path.stat().st_uid
    assert path.exists()


def test_what_an_unlocked_file_says_means_nothing(path: Path) -> None:
    for text in (b"", b"{", b"\xff\xfe", msgspec.json.encode(DEAD)):
        path.write_bytes(text)
        assert lock.read(path) is None
        with lock.acquire(path, "command", 0) as held:
            assert lock.read(path) == held.holder


class TestHeld:
    def test_by_a_server_in_each_of_its_states(
        self, path: Path, start: Start, pool: ThreadPoolExecutor
    ) -> None:
        """While it is ready nobody waits for it; the wait for one that stops ends with it."""
        server = start("server")
        path.with_suffix("").touch()
        with pytest.raises(LockHeld) as caught:
            lock.acquire(path, "command", 0)
        database = str(path).removesuffix(".lock")
        assert caught.value.detail == (
            f"{database} is in use by server pid {server.pid} (starting)"
        )
        assert caught.value.hint == "wait longer with --lock-timeout SECONDS"
        server.does("ready")
        with pytest.raises(LockHeld, match=rf"is in use by server pid {server.pid}$") as caught:
            lock.acquire(path, "server", 3600)
        assert caught.value.hint == f"stop that server first: kill {server.pid}"
        server.does("stopping")
        taken = pool.submit(lock.acquire, path, "server", 60)
        server.killed()
        taken.result().release()

    def test_by_a_command_and_the_wait_ends_with_it(
        self, path: Path, start: Start, pool: ThreadPoolExecutor
    ) -> None:
        command = start("command")
        with pytest.raises(LockHeld, match=rf"is in use by command pid {command.pid}$"):
            lock.acquire(path, "server", 0)
        taken = pool.submit(lock.acquire, path, "server", 60)
        command.does("release")
        with taken.result() as held:
            assert lock.read(path) == held.holder

    def test_by_a_program_that_does_not_describe_itself(self, path: Path) -> None:
        with path.open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert lock.read(path) == lock.UNKNOWN
            with pytest.raises(LockHeld, match=r"is in use by another program$"):
                lock.acquire(path, "command", 0)


class TestDeath:
    def test_a_killed_holder_is_gone_at_once(self, path: Path, start: Start) -> None:
        holder = start("server")
        holder.does("ready")
        holder.killed()
        assert str(holder.pid) in path.read_text()
        assert lock.read(path) is None
        lock.acquire(path, "command", 0).release()

    def test_a_program_it_started_does_not_keep_the_lock(self, path: Path) -> None:
        held = lock.acquire(path, "server", 0)
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
        held.release()
        assert child.poll() is None
        assert lock.read(path) is None
        child.communicate()

    def test_the_words_of_the_dead_are_not_taken_for_the_next_holders(
        self, path: Path, pool: ThreadPoolExecutor
    ) -> None:
        path.write_bytes(msgspec.json.encode(DEAD))
        pid = os.getpid()
        alive = Holder("command", "working", pid, lock.process_start_time(pid) or 0)
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # a holder that has not come to its first word
            seen = pool.submit(lock.read, path)
            os.pwrite(file.fileno(), msgspec.json.encode(alive).ljust(200), 0)
            assert seen.result() == alive

    def test_a_holder_that_proc_does_not_show_is_believed_in_the_end(self, path: Path) -> None:
        """As in another container, over a shared volume."""
        assert (lock.process_start_time(os.getpid()) or 0) > 0
        assert lock.process_start_time(DEAD.pid) is None
        with path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.pwrite(file.fileno(), msgspec.json.encode(DEAD), 0)
            assert lock.read(path) == DEAD


class TestProbes:
    PROBE = """
import sys
from pathlib import Path
from chatctl_server.process import lock
print("probing", flush=True)
while True:
    lock.read(Path(sys.argv[1]))
"""
    COUNT = """
import sys
from pathlib import Path
from chatctl_server.process import lock
path, counter = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(40):
    with lock.acquire(path, "command", 60):
        counter.write_text(str(int(counter.read_text()) + 1))
"""

    @pytest.fixture
    def probes(self, path: Path) -> Iterator[None]:
        """Two processes that ask all the time who holds the lock."""
        path.touch(0o600)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", self.PROBE, str(path)],
                stdout=subprocess.PIPE,
                env={"PYTHONPATH": str(ROOT)},
            )
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"probing\n"
        yield
        for process in processes:
            assert process.poll() is None
            process.kill()
            process.communicate()

    @pytest.mark.usefixtures("probes")
    def test_readers_make_no_holder_fail_and_let_in_one_at_a_time(
        self, path: Path, tmp_path: Path
    ) -> None:
        for _ in range(300):
            lock.acquire(path, "command", 0).release()
        counter = tmp_path / "counter"
        counter.write_text("0")
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", self.COUNT, str(path), str(counter)],
                env={"PYTHONPATH": str(ROOT)},
            )
            for _ in range(3)
        ]
        assert [writer.wait() for writer in writers] == [0, 0, 0]
        assert counter.read_text() == "120"

    def test_many_readers_see_the_holder_and_nobody_else(
        self, path: Path, pool: ThreadPoolExecutor
    ) -> None:
        with lock.acquire(path, "command", 0) as held:
            assert set(pool.map(lambda _: lock.read(path), range(400))) == {held.holder}

    def test_a_shared_lock_that_stays_is_somebodys(
        self, path: Path, pool: ThreadPoolExecutor
    ) -> None:
        path.touch()
        with path.open() as reader:
            fcntl.flock(reader, fcntl.LOCK_SH)
            with pytest.raises(LockHeld, match="is in use by another program"):
                lock.acquire(path, "command", 0)
            taken = pool.submit(lock.acquire, path, "command", 60)
        taken.result().release()


class TestWaitReady:
    def test_a_starting_server_is_waited_for(
        self, path: Path, start: Start, pool: ThreadPoolExecutor
    ) -> None:
        assert lock.wait_ready(path, 0) is None  # nobody holds it
        server = start("server")
        seen = pool.submit(lock.wait_ready, path, 60)
        server.does("ready")
        holder = seen.result()
        assert holder is not None
        assert (holder.ready, holder.pid, holder.version) == (True, server.pid, "1.2.3")
        assert lock.wait_ready(path, 0) == holder

    def test_a_server_that_dies_while_starting_leaves_it_free(
        self, path: Path, start: Start, pool: ThreadPoolExecutor
    ) -> None:
        server = start("server")
        seen = pool.submit(lock.wait_ready, path, 60)
        server.killed()
        assert seen.result() is None

    def test_patience_ends(self, path: Path, start: Start) -> None:
        holder = start("server")
        with pytest.raises(LockHeld, match=f"server pid {holder.pid}"):
            lock.wait_ready(path, 0.05)


class TestUnusable:
    def test_a_missing_directory(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match=r"There is no directory .*/gone"):
            lock.acquire(tmp_path / "gone" / "chat.db.lock", "command", 0)

    def test_a_link_is_not_followed(self, tmp_path: Path, path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("untouched")
        path.symlink_to(victim)
        with pytest.raises(StorageUnavailable):
            lock.acquire(path, "command", 0)
        with pytest.raises(StorageUnavailable):
            lock.read(path)
        assert victim.read_text() == "untouched"

    def test_a_full_disk(self) -> None:
        with pytest.raises(StorageFull, match="no room to write /dev/full"):
            lock.acquire(Path("/dev/full"), "command", 0)
        assert lock.read(Path("/dev/full")) is None

    def test_a_file_that_was_replaced_before_the_lock(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[int] = []
        real = lock._open

        def open_then_lose(where: Path) -> int:
            opened.append(real(where))
            if len(opened) == 1:
                where.unlink()  # another start tidies up in between
            return opened[-1]

        monkeypatch.setattr(lock, "_open", open_then_lose)
        with lock.acquire(path, "command", 0) as held:
            assert lock.read(path) == held.holder


class TestRuntimeDir:
    def test_under_xdg_runtime_dir_else_under_home(
        self, tmp_path: Path, home: dict[str, str]
    ) -> None:
        """It is for its owner alone, also if it was there before; what is unusable counts as
        none."""
        (tmp_path / "run").mkdir()
        expected = Path(home["HOME"], ".local/state/chatctl")
        expected.mkdir(parents=True)
        expected.chmod(0o755)
        for value in (None, "", "relative", "/does/not/exist", "/proc/1/root/gone"):
            xdg = {} if value is None else {"XDG_RUNTIME_DIR": value}
            assert servers.runtime_dir(home | xdg) == expected
        under_xdg = servers.runtime_dir({**home, "XDG_RUNTIME_DIR": str(tmp_path / "run")})
        assert under_xdg == tmp_path / "run" / "chatctl"
        for directory in (expected, under_xdg):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_a_service_without_a_home_registers_under_tmp(
        self, tmp_path: Path, home: dict[str, str]
    ) -> None:
        Path(home["HOME"], ".local").write_text("a file")
        environ = {**home, "TMPDIR": str(tmp_path)}
        directory = servers.runtime_dir(environ)
        assert directory == tmp_path / f"chatctl-{os.geteuid()}"
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        with lock.acquire(tmp_path / "chat.db.lock", "server", 0) as held:
            held.ready("http://127.0.0.1:1", None, "1")
            servers.register(held, directory)
            assert servers.running(environ) == [held.holder]

    def test_a_place_that_somebody_else_prepared_is_not_used(
        self, tmp_path: Path, home: dict[str, str]
    ) -> None:
        Path(home["HOME"], ".local").write_text("a file")
        (tmp_path / "theirs").mkdir()
        (tmp_path / f"chatctl-{os.geteuid()}").symlink_to("theirs")
        with pytest.raises(StorageUnavailable, match=r"/\.local.* cannot be used"):
            servers.runtime_dir({**home, "TMPDIR": str(tmp_path)})
        assert list((tmp_path / "theirs").iterdir()) == []


class TestRunning:
    def test_no_server_and_no_directory(self, home: dict[str, str]) -> None:
        assert servers.running(home) == []
        assert list(Path(home["HOME"]).iterdir()) == []

    def test_several_servers_of_one_user(
        self, tmp_path: Path, home: dict[str, str], start: Start
    ) -> None:
        started = [start("server", tmp_path / f"{name}.db.lock") for name in "abc"]
        for server in started[:2]:
            server.does("ready")
        assert {holder.pid for holder in servers.running(home)} == {one.pid for one in started[:2]}

        started[0].killed()
        assert [holder.pid for holder in servers.running(home)] == [started[1].pid]
        assert len(list(servers.runtime_dir(home).iterdir())) == 1

        started[1].does("stopping")
        assert servers.running(home) == []
        started[1].does("ready")
        started[1].does("release")
        assert list(servers.runtime_dir(home).iterdir()) == []

    def test_a_stale_entry_does_not_name_the_next_server(
        self, path: Path, tmp_path: Path, home: dict[str, str], start: Start
    ) -> None:
        """Which is found with XDG_RUNTIME_DIR, too, though cron or su have started it without."""
        first = start("server")
        first.does("ready")
        first.killed()
        second = start("server")
        second.does("ready")
        for environ in (home, {**home, "XDG_RUNTIME_DIR": str(tmp_path)}):
            assert [holder.pid for holder in servers.running(environ)] == [second.pid]
        (entry,) = servers.runtime_dir(home).iterdir()
        assert entry.name.startswith(f"{second.pid}-")
        assert stat.S_IMODE(entry.stat().st_mode) & 0o077 == 0

    def test_two_databases_in_one_process(self, tmp_path: Path, home: dict[str, str]) -> None:
        locks = [lock.acquire(tmp_path / f"{name}.lock", "server", 0) for name in "ab"]
        for held in locks:
            held.ready(f"http://127.0.0.1/{held.path.stem}", None, "1")
            servers.register(held, servers.runtime_dir(home))
        found = {holder.url for holder in servers.running(home)}
        assert found == {"http://127.0.0.1/a", "http://127.0.0.1/b"}
        locks[0].release()
        assert [holder.url for holder in servers.running(home)] == ["http://127.0.0.1/b"]
        locks[1].release()

    def test_an_entry_that_leads_nowhere_is_removed(self, home: dict[str, str]) -> None:
        entry = servers.runtime_dir(home) / "1-2-00000000.json"
        for text in ("", "{", "[]", '{"lock": 1}', '{"lock": "/gone/x.lock"}'):
            entry.write_text(text)
            assert servers.running(home) == []
            assert not entry.exists()

    def test_a_directory_that_is_gone_refuses_the_registration(
        self, path: Path, home: dict[str, str]
    ) -> None:
        directory = servers.runtime_dir(home)
        directory.rmdir()
        with lock.acquire(path, "server", 0) as held, pytest.raises(NotFound):
            servers.register(held, directory)


class TestInMemory:
    def test_a_stop_leaves_nothing(self, home: dict[str, str]) -> None:
        directory = servers.runtime_dir(home)
        with lock.acquire(lock.memory_lock_path(directory), "server", 0) as held:
            held.ready("http://127.0.0.1:1", None, "1")
            servers.register(held, directory)
            assert servers.running(home) == [held.holder]
        assert list(directory.iterdir()) == []

    def test_what_a_kill_leaves_is_removed_by_the_next_start(
        self, home: dict[str, str], start: Start
    ) -> None:
        directory = servers.runtime_dir(home)
        dead_path, alive_path = (lock.memory_lock_path(directory) for _ in range(2))
        assert dead_path != alive_path
        dead = start("server", dead_path, "/dev/shm/dead/chat.db")
        alive = start("server", alive_path, "/dev/shm/alive/chat.db")
        with pytest.raises(LockHeld, match=r"^/dev/shm/alive/chat\.db is in use"):
            lock.acquire(alive_path, "command", 0)
        for server, of in ((dead, dead_path), (alive, alive_path)):
            server.does("ready")
            of.with_suffix(".sock").touch()
            of.with_suffix(".admin-key").touch()
        dead.killed()

        (was,) = servers.remove_dead(directory)
        assert (was.pid, was.database) == (dead.pid, "/dev/shm/dead/chat.db")
        assert [holder.pid for holder in servers.running(home)] == [alive.pid]
        assert sorted(path.name for path in directory.glob("memory-*")) == sorted(
            alive_path.with_suffix(suffix).name for suffix in (".lock", ".sock", ".admin-key")
        )
        assert servers.remove_dead(directory) == []
