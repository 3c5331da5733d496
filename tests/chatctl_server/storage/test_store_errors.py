"""The database fails inside a transaction: stored is exactly what was reported stored."""

import errno
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from limits import file_size
from offline import reading, room
from peewee import Database

from chatctl_server import errors
from chatctl_server.actions import conversations, messages, moderation, sessions
from chatctl_server.domain import events, times
from chatctl_server.storage import engine, log, maintenance
from chatctl_server.storage import messages as stored
from chatctl_server.storage.writer import Call, Completed, Writer

OPERATOR = events.Actor(None, "api_key")
ROOM = room(1)
BIG = 400_000  # bytes: 100 pages
PLACES = {"first": 0, "middle": 3, "last": 6}


class Scene:
    """A room on a real file, and a writing connection whose limits can be changed."""

    def __init__(self, directory: Path) -> None:
        self.path = self.uri = directory / "chat.db"
        maintenance.prepare(self.path, durable=True)
        self.pragmas: dict[str, int] = {}
        self.writing = Writer(self._connect, times.now)
        self.run((conversations.create_room, (OPERATOR, "lobby", [])))
        self.posted: dict[str, int] = {}

    def _connect(self) -> Database:
        database = engine.writing(self.uri, durable=True)
        database._pragmas = [*database._pragmas, *self.pragmas.items()]
        return database

    def reconnect(self, **pragmas: int) -> None:
        self.pragmas = pragmas
        self.writing.close()

    def give_room(self) -> None:
        """Lifts max_page_count where it is, on the open connection."""
        self.pragmas = {}
        if self.writing._db is not None:
            self.writing._db.execute_sql("PRAGMA max_page_count = 1073741823")

    def run(self, *calls: tuple[Any, tuple[Any, ...]]) -> list[Completed]:
        return self.writing.run([Call(action, given, print, 256) for action, given in calls])

    def batch(self, name: str, big_place: int) -> list[Completed]:
        """Seven calls, posts and others mixed; the post at that place is big. What is answered
        with a seq is noted."""
        calls = []
        for place in range(7):
            user_id = f"{name}-{place}"
            if place in (2, 5):
                calls.append((sessions.join, (OPERATOR, ROOM, user_id, user_id)))
            elif place == 4:
                calls.append((moderation.mute, (OPERATOR, ROOM, user_id, None, None)))
            else:
                calls.append((messages.POST, (_post(user_id, place == big_place),)))
        completed = self.run(*calls)
        for each in completed:
            if isinstance(each.outcome, messages.Posted):
                self.posted[each.call.arguments[0].client_msg_id] = each.outcome.seq
        return completed

    def stored(self) -> dict[str, int]:
        with reading(self.path) as database:
            rows = stored.between(database, ROOM, 1, 2**40)
            assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
            logged = log.read_after(database, 0, 10_000)
            assert [each.offset for each in logged] == list(range(1, len(logged) + 1))
        return {str(row.client_msg_id): row.seq for row in rows}

    def is_back(self) -> None:
        """The service works again, without a restart."""
        assert self.stored() == self.posted
        completed = self.batch("afterwards", -1)
        assert not _failures(completed)
        assert self.writing.trouble is None
        assert self.stored() == self.posted
        assert maintenance.check(self.path) == []
        assert maintenance.verify(self.path) == []


def _post(user_id: str, is_big: bool) -> messages.Post:
    content = "x" * (BIG if is_big else 20)
    return messages.Post(
        ROOM, OPERATOR, user_id, user_id, content, f"id-{user_id}", is_guarded=False
    )


def _failures(completed: list[Completed]) -> list[Exception]:
    return [each.outcome for each in completed if isinstance(each.outcome, Exception)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    scene.batch("before", -1)
    yield scene
    scene.writing.close()


def _wal_size(scene: Scene) -> int:
    return scene.path.with_name("chat.db-wal").stat().st_size


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_full_in_an_action(scene: Scene, place: int) -> None:
    pages = maintenance.info(scene.path).pages
    scene.reconnect(max_page_count=pages + 10)
    completed = scene.batch("full", place)
    assert isinstance(completed[place].outcome, errors.StorageFull)
    assert all(isinstance(each, errors.NotStored) for each in _failures(completed))
    assert scene.stored() == scene.posted
    scene.give_room()
    scene.is_back()


def test_a_limit_of_the_system_in_an_action(scene: Scene) -> None:
    """SQLite calls it an I/O error. Python ignores SIGXFSZ, so that a write fails with EFBIG."""
    # A cache of some pages, so that the write-ahead log is written before COMMIT.
    scene.reconnect(cache_size=5)
    scene.batch("small cache", -1)
    with file_size(_wal_size(scene) + 50_000):
        completed = scene.batch("ioerr", PLACES["middle"])
    _all_failed(completed, errors.StorageFull)
    scene.is_back()


def test_a_limit_of_the_system_at_commit(scene: Scene) -> None:
    with file_size(_wal_size(scene) + 4096):
        completed = scene.batch("commit", 3)
        _all_failed(completed, errors.StorageFull)
        assert isinstance(scene.writing.trouble, errors.StorageFull)
        assert len(_failures(scene.batch("and again", 3))) == len(completed)
    scene.is_back()
    repeated = scene.batch("commit", 3)
    assert [each.outcome.duplicate for each in repeated if each.call.action is messages.POST] == (
        [False] * 4
    )
    assert scene.stored() == scene.posted


def test_no_room_for_the_index_beside_the_database(scene: Scene) -> None:
    """The ``-shm`` file is made when the database is opened, before anything is written."""
    for size in (1, 10_000):  # nothing fits in; its first page does not
        scene.writing.close()
        with file_size(size):
            with pytest.raises(errors.StorageFull):
                scene.writing.check()
            _all_failed(scene.batch("no index", 3), errors.StorageFull)
    scene.is_back()


def test_full_at_commit(scene: Scene, disk: "Disk") -> None:
    """A disk that is full when COMMIT writes; only a VFS can say ENOSPC on demand."""
    disk.writing = apsw.FullError()
    completed = scene.batch("full", 3)
    _all_failed(completed, errors.StorageFull)
    disk.is_well()
    scene.is_back()


@pytest.mark.parametrize(
    ("number", "failure"),
    [(errno.EDQUOT, errors.StorageFull), (errno.EIO, errors.OutcomeUnknown)],
    ids=["a quota", "a broken disk"],
)
def test_a_write_fails_at_commit(
    scene: Scene, disk: "Disk", number: int, failure: type[errors.ChatctlError]
) -> None:
    disk.errno = number
    disk.writing = _io_error(apsw.SQLITE_IOERR_WRITE)
    _all_failed(scene.batch("write", 3), failure)
    disk.is_well()
    scene.is_back()


def test_a_sync_without_room_may_have_committed(scene: Scene, disk: "Disk") -> None:
    """The frame that commits stands in the file, and whoever opens it next reads it."""
    disk.errno = errno.ENOSPC
    disk.syncing = _io_error(apsw.SQLITE_IOERR_FSYNC)
    _all_failed(scene.batch("sync", 3), errors.OutcomeUnknown)
    disk.is_well()
    posts = [each for each in scene.batch("sync", 3) if each.call.action is messages.POST]
    assert [each.outcome.duplicate for each in posts] == [True] * 4
    scene.is_back()


def _all_failed(completed: list[Completed], failure: type[errors.ChatctlError]) -> None:
    assert [type(each.outcome) for each in completed] == [failure] * len(completed)


def _io_error(code: int) -> apsw.IOError:
    error = apsw.IOError("disk I/O error")
    error.extendedresult = code
    return error


@pytest.fixture
def disk(scene: Scene, caplog: pytest.LogCaptureFixture) -> Iterator["Disk"]:
    """The scene's, which a test can break."""
    disk = Disk()
    scene.uri = Path(f"file:{scene.path}?vfs=breakable")
    scene.reconnect()
    scene.batch("on it", -1)
    with caplog.at_level(logging.CRITICAL):
        yield disk
    scene.writing.close()


class Disk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("breakable", "")
        self.is_well()

    def is_well(self) -> None:
        self.errno = 0
        self.writing: apsw.Error | None = None
        self.syncing: apsw.Error | None = None

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802
        return self.errno, ""


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.writing is not None:
            raise self._disk.writing
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.syncing is not None:
            raise self._disk.syncing
        super().xSync(flags)
