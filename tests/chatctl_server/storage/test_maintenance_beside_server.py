"""Reading, checking and backing up beside a server that is being talked to."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lived_in import texts
from websockets.exceptions import ConnectionClosed
from world import Server, running

from chatctl_server.errors import LockHeld
from chatctl_server.process import lock
from chatctl_server.storage import maintenance


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        room = server.create_room("lobby")
        ann = room.join("ann")
        first = threading.Event()
        stop = threading.Event()

        def talk() -> None:
            with contextlib.suppress(ConnectionClosed):  # when the test kills the server
                while not stop.is_set():
                    ann.say("hello")
                    first.set()

        thread = threading.Thread(target=talk)
        thread.start()
        assert first.wait(15)
        yield server
        stop.set()
        thread.join()


def test_everything_that_reads_works_and_disturbs_nobody(talking: Server, tmp_path: Path) -> None:
    path = talking.database
    info = maintenance.info(path)
    assert talking.process is not None
    assert info.in_use_by == maintenance.InUse("server", "ready", talking.process.pid, talking.url)
    assert (info.rooms_open, info.sessions_open, info.journal_mode) == (1, 1, "wal")
    assert info.wal_bytes > 0
    assert maintenance.check(path) == maintenance.verify(path) == []
    made = maintenance.backup(path, tmp_path / "nightly.db")
    assert made.last_offset > info.last_offset
    assert maintenance.verify(tmp_path / "nightly.db") == []
    assert maintenance.info(path).last_offset >= made.last_offset


def test_a_backup_restored_is_what_the_next_server_serves(talking: Server, tmp_path: Path) -> None:
    path, target = talking.database, tmp_path / "nightly.db"
    maintenance.backup(path, target)
    with pytest.raises(LockHeld, match="server"):
        lock.acquire(lock.lock_path(path), "command", 0)
    talking.kill()
    with lock.acquire(lock.lock_path(path), "command"):
        maintenance.restore(path, target)
    talking.start()
    room_id = talking.http.get("/management/rooms").json()[0]["room_id"]
    page = talking.http.get(f"/management/sync/chat-history/{room_id}", params={"limit": 1000})
    said = [record["content"] for record in reversed(page.json()["records"])]
    assert said == texts(target)
