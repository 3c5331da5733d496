"""An erased text is gone from the bytes of the database's files 10 s later at most.

They are read by another process: one that closes a file gives up SQLite's locks on it.
"""

import contextlib
import logging
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from offline import Offline, room
from world import Server, eventually, running

from chatctl_server.actions import messages
from chatctl_server.domain import events, times
from chatctl_server.storage import checkpointer
from chatctl_server.storage.store import Store

WORD = "nobody-may-read-this."
TEXTS = (WORD * 3, WORD * (30 * 1024 // len(WORD)))  # the second one has overflow pages
PROMISED_SECONDS = 10.0


def is_kept(path: Path) -> bool:
    files = [str(each) for each in path.parent.glob(f"{path.name}*")]
    return WORD.encode() in subprocess.run(["cat", *files], capture_output=True, check=False).stdout


def soon_gone(path: Path) -> None:
    eventually(lambda: not is_kept(path), seconds=PROMISED_SECONDS)


class Reader:
    """Somebody else's, in a snapshot in which the text was not erased."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT count(*) FROM message").fetchall()

    def leave(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def reading(path: Path, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, Reader(path).leave)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def post(server: Server) -> list[str]:
    """Between two other messages; the paths of those with the texts."""
    room = server.create_room()
    anna = room.join("anna")
    _, *posted, _ = [anna.say(each) for each in ("before", *TEXTS, "after")]
    assert is_kept(server.database)
    return [f"{room.path}/messages/{each['message_id']}" for each in posted]


def erase(server: Server, paths: list[str]) -> None:
    for path in paths:
        assert server.http.delete(path).json() == {"changed": True}


def test_the_route_takes_a_text_out_of_the_files(shared_server: Server) -> None:
    erase(shared_server, post(shared_server))
    soon_gone(shared_server.database)


def test_a_reader_of_an_older_state_only_delays_it(shared_server: Server) -> None:
    paths = post(shared_server)
    with reading(shared_server.database, 1):
        erase(shared_server, paths)
        assert is_kept(shared_server.database)
        soon_gone(shared_server.database)
    assert "write-ahead log" not in shared_server.log.read_text()


def test_a_server_that_was_killed_before_is_followed_by_one_that_does_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        paths = post(server)
        reader = Reader(server.database)
        erase(server, paths)
        server.kill()
        server.start()
        assert is_kept(server.database)
        reader.leave()
        soon_gone(server.database)


@pytest.fixture
def desk(tmp_path: Path) -> Offline:
    """Of four messages in ``lobby`` the second and the third have the texts."""
    desk = Offline(tmp_path / "chat.db")
    lobby = desk.create_room("lobby")
    for each in ("before", *TEXTS, "after"):
        desk.post(lobby, "anna", each)
    desk.close()
    assert is_kept(desk.path)
    return desk


def test_a_command_on_the_file_ends_when_they_are_gone(desk: Offline) -> None:
    """Also beside a reader of the state before."""
    with contextlib.closing(Server(desk.path.parent)) as server, reading(desk.path, 1):
        for number in ("2", "3"):
            done = server.chatctl("messages", "rm", "lobby", number, "--quiet")
            assert (done.returncode, done.stderr) == (0, "")
        assert not is_kept(desk.path)


async def test_a_reader_that_stays_is_told_of_once_and_so_is_the_end(
    desk: Offline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpointer, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(checkpointer, "LATE_SECONDS", 0.05)
    caplog.set_level(logging.INFO, "chatctl.storage")
    store = Store(desk.path, durable=False, clock=times.now, is_serving=False)
    await store.open()
    reader = Reader(desk.path)
    for number in (2, 3):
        await store.write(messages.erase, events.SERVER, room(1), number)
    eventually(lambda: caplog.messages)
    assert is_kept(desk.path)
    assert caplog.messages == [
        "the write-ahead log could not be emptied for 0.05 s: another program may be reading the "
        f"database; erased texts may still be in {desk.path}-wal"
    ]
    reader.leave()
    soon_gone(desk.path)
    eventually(lambda: len(caplog.messages) == 2)
    assert caplog.messages[1] == "the write-ahead log was emptied: no erased text is left in it"
    await store.close()
