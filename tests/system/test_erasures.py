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
TEXTS = {"short": WORD * 3, "overflow pages": WORD * (30 * 1024 // len(WORD))}
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


@pytest.fixture(params=list(TEXTS))
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


def post(server: Server, text: str) -> str:
    """Between two other messages; the path of the one with the text."""
    room = server.create_room()
    anna = room.join("anna")
    _, posted, _ = [anna.say(each) for each in ("before", text, "after")]
    assert is_kept(server.database)
    return f"{room.path}/messages/{posted['message_id']}"


def erase(server: Server, path: str) -> None:
    assert server.http.delete(path).json() == {"changed": True}


def test_the_route_takes_a_text_out_of_the_files(server: Server, text: str) -> None:
    erase(server, post(server, text))
    soon_gone(server.database)


def test_a_reader_of_an_older_state_only_delays_it(server: Server, text: str) -> None:
    path = post(server, text)
    with reading(server.database, 2):
        erase(server, path)
        assert is_kept(server.database)
        soon_gone(server.database)
    assert "write-ahead log" not in server.log.read_text()


def test_a_server_that_was_killed_before_is_followed_by_one_that_does_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        path = post(server, TEXTS["overflow pages"])
        reader = Reader(server.database)
        erase(server, path)
        server.kill()
        server.start()
        assert is_kept(server.database)
        reader.leave()
        soon_gone(server.database)


@pytest.fixture
def desk(tmp_path: Path, text: str) -> Offline:
    """The second of three messages in ``lobby`` has the text."""
    desk = Offline(tmp_path / "chat.db")
    lobby = desk.create_room("lobby")
    for each in ("before", text, "after"):
        desk.post(lobby, "anna", each)
    desk.close()
    assert is_kept(desk.path)
    return desk


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_command_on_the_file_ends_when_it_is_gone(desk: Offline, seconds: float) -> None:
    """Also beside a reader of the state before."""
    server = Server(desk.path.parent)
    with reading(desk.path, seconds):
        done = server.chatctl("messages", "rm", "lobby", "2", "--quiet")
        assert (done.returncode, done.stderr) == (0, "")
        assert not is_kept(desk.path)
    server.close()


@pytest.mark.parametrize("text", ["overflow pages"], indirect=True)
async def test_a_reader_that_stays_is_told_of_once_and_so_is_the_end(
    desk: Offline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpointer, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(checkpointer, "LATE_SECONDS", 0.05)
    caplog.set_level(logging.INFO, "chatctl.storage")
    store = Store(desk.path, durable=False, clock=times.now, is_serving=False)
    await store.open()
    reader = Reader(desk.path)
    await store.write(messages.erase, events.SERVER, room(1), 2)
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
