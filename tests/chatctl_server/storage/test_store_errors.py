"""The database fails inside a transaction: stored is exactly what was reported stored."""

import contextlib
import logging
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from peewee import Database

from chatctl_server import errors
from chatctl_server.conversation import membership, messages, moderation, rooms
from chatctl_server.domain import facts, times
from chatctl_server.storage import log, maintenance, sql
from chatctl_server.storage import messages as stored
from chatctl_server.storage.writing import Call, Settled, Writing

OPERATOR = facts.Actor(None, "api_key")
BIG = 400_000  # bytes: 100 pages
PLACES = {"first": 0, "middle": 3, "last": 6}


class Scene:
    """A room on a real file, and a writing connection whose limits can be changed."""

    def __init__(self, directory: Path) -> None:
        self.path = self.uri = directory / "chat.db"
        maintenance.prepare(self.path, durable=True)
        self.pragmas: dict[str, int] = {}
        self.writing = Writing(self._connect, times.now)
        (created,) = self.run((rooms.create, (OPERATOR, "lobby", [])))
        self.room_id: str = created.outcome.public_id
        self.posted: dict[str, int] = {}

    def _connect(self) -> Database:
        database = sql.writing(self.uri, durable=True)
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

    def run(self, *calls: tuple[Any, tuple[Any, ...]]) -> list[Settled]:
        return self.writing.run([Call(verb, given, print, 256) for verb, given in calls])

    def batch(self, name: str, big_place: int) -> list[Settled]:
        """Seven calls, posts and others mixed; the post at that place is big. What is answered
        with a seq is noted."""
        calls = []
        for place in range(7):
            user_id = f"{name}-{place}"
            if place in (2, 5):
                calls.append((membership.join, (OPERATOR, 1, user_id, user_id)))
            elif place == 4:
                calls.append((moderation.mute, (OPERATOR, self.room_id, user_id, None, None)))
            else:
                calls.append((messages.POST, (_post(user_id, place == big_place),)))
        settled = self.run(*calls)
        for each in settled:
            if isinstance(each.outcome, messages.Posted):
                self.posted[each.call.arguments[0].client_msg_id] = each.outcome.seq
        return settled

    def stored(self) -> dict[str, int]:
        database = sql.reading(self.path)
        database.connect()
        try:
            rows = stored.between(database, 1, 1, 2**40)
            assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
            facts_in_log = log.read_after(database, 0, 10_000)
            assert [each.offset for each in facts_in_log] == list(range(1, len(facts_in_log) + 1))
        finally:
            database.close()
        return {str(row.client_msg_id): row.seq for row in rows}

    def is_back(self) -> None:
        """The service works again, without a restart."""
        assert self.stored() == self.posted
        settled = self.batch("afterwards", -1)
        assert not _failures(settled)
        assert self.writing.trouble is None
        assert self.stored() == self.posted
        assert maintenance.check(self.path) == []
        assert maintenance.verify(self.path) == []


def _post(user_id: str, is_big: bool) -> messages.Post:
    content = "x" * (BIG if is_big else 20)
    return messages.Post(1, OPERATOR, user_id, user_id, content, f"id-{user_id}", is_guarded=False)


def _failures(settled: list[Settled]) -> list[Exception]:
    return [each.outcome for each in settled if isinstance(each.outcome, Exception)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    scene.batch("before", -1)
    yield scene
    scene.writing.close()


@contextlib.contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """As on a disk with a quota. Python ignores SIGXFSZ, so that a write fails with EFBIG."""
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)


def _wal_size(scene: Scene) -> int:
    return scene.path.with_name("chat.db-wal").stat().st_size


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_full_in_a_verb(scene: Scene, place: int) -> None:
    pages = maintenance.info(scene.path).pages
    scene.reconnect(max_page_count=pages + 10)
    settled = scene.batch("full", place)
    assert isinstance(settled[place].outcome, errors.StorageFull)
    assert all(isinstance(each, errors.NotStored) for each in _failures(settled))
    assert scene.stored() == scene.posted
    scene.give_room()
    scene.is_back()


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_io_error_in_a_verb(scene: Scene, place: int) -> None:
    # A cache of some pages, so that the write-ahead log is written before COMMIT.
    scene.reconnect(cache_size=5)
    scene.batch("small cache", -1)
    with no_file_grows_beyond(_wal_size(scene) + 50_000):
        settled = scene.batch("ioerr", place)
    failures = _failures(settled)
    assert len(failures) == len(settled)
    assert {type(each) for each in failures} == {errors.NotStored}
    scene.is_back()


def test_an_io_error_at_commit(scene: Scene) -> None:
    with no_file_grows_beyond(_wal_size(scene) + 4096):
        settled = scene.batch("commit", 3)
        assert {type(each) for each in _failures(settled)} == {errors.OutcomeUnknown}
        assert len(_failures(settled)) == len(settled)
        assert isinstance(scene.writing.trouble, errors.OutcomeUnknown)
        assert len(_failures(scene.batch("and again", 3))) == len(settled)
    scene.is_back()
    repeated = scene.batch("commit", 3)
    assert [each.outcome.duplicate for each in repeated if each.call.verb is messages.POST] == (
        [False] * 4
    )
    assert scene.stored() == scene.posted


def test_full_at_commit(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that is full when COMMIT writes; only a VFS can say ENOSPC on demand."""
    disk = FullDisk()
    scene.uri = Path(f"file:{scene.path}?vfs=full-disk")
    scene.reconnect()
    scene.batch("on it", -1)
    disk.is_full = True
    with caplog.at_level(logging.CRITICAL):
        settled = scene.batch("full", 3)
    assert {type(each) for each in _failures(settled)} == {errors.StorageFull}
    assert len(_failures(settled)) == len(settled)
    disk.is_full = False
    scene.is_back()


class FullDisk(apsw.VFS):
    def __init__(self) -> None:
        self.is_full = False
        super().__init__("full-disk", "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _FullFile(self, name, flags)


class _FullFile(apsw.VFSFile):
    def __init__(self, disk: FullDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.is_full:
            raise apsw.FullError
        super().xWrite(data, offset)
