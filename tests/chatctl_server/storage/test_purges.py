"""A closed room is removed in steps; after each the database is whole, whoever stops there."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from offline import HOST, Offline, reading, room

from chatctl_server.actions import (
    callbacks,
    conversations,
    custom_events,
    followers,
    messages,
    moderation,
    sessions,
)
from chatctl_server.app import create_app
from chatctl_server.domain import times
from chatctl_server.domain.references import RoomRef
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries, log, maintenance, purges, rooms
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers import room_retention

DAY = 24 * 3600 * times.SECOND
TEXTS = [f"secret {number}" for number in range(7)]


def fill(desk: Offline, name: str, texts: list[str]) -> RoomRef:
    """A room in which everything has happened."""
    room = desk.create_room(name, "boss")
    desk.run(conversations.rename, room, f"{name} two")
    desk.run(conversations.set_admins, room, ["boss", "anna"])
    for number in range(3):
        desk.stay(room, f"user {number}", 5)
    desk.run(sessions.join, room, "still there", "still there")
    posted = [desk.post(room, "anna", text, client_msg_id=text) for text in texts]
    desk.run(messages.delete, room, posted[0].message_id)
    desk.run(messages.erase, room, posted[0].message_id)
    desk.run(messages.delete, room, posted[-1].message_id)
    desk.run(moderation.ban, room, "mallory", "spam", None)
    desk.run(moderation.mute, room, "trudy", None, None)
    desk.run(custom_events.send, room, "anna", "poll", msgspec.Raw(b'{"a":1}'))
    return room


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second room is closed, between two that are alike."""
    desk = Offline(tmp_path_factory.mktemp("filled") / "chat.db", now=times.now() - 10 * DAY)
    kept = fill(desk, "kept", ["hi", "hello", "bye"])
    closed = fill(desk, "closed", TEXTS)
    desk.post(kept, "anna", "and on")
    desk.run(conversations.close, closed)
    fill(desk, "later", ["good", "morning"])
    desk.close()
    return desk.path


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> Path:
    return shutil.copy(filled, tmp_path / "chat.db")


CLOSED = 2
ROOM = room(CLOSED)


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@contextlib.contextmanager
def after_each_write(store: Store, look: Callable[[], Any]) -> Iterator[None]:
    write = store.write

    async def watched(*arguments: Any, **how: Any) -> Any:
        done = await write(*arguments, **how)
        await asyncio.to_thread(look)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write", watched)
        yield


@pytest.fixture
def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purges, "A_STEP", 2)
    monkeypatch.setattr(purges, "PAUSES", 0)


async def begin(store: Store) -> None:
    await store.write(conversations.purge, HOST, ROOM)


def mentions(path: Path, conversation: int) -> dict[str, int]:
    """How many rows of each table are of it."""
    with reading(path) as db:
        tables = [
            name
            for (name,) in db.execute_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
            if any(row[1] == "conversation" for row in db.execute_sql(f"PRAGMA table_info({name})"))
        ]
        counts = {
            table: db.execute_sql(
                f"SELECT count(*) FROM {table} WHERE conversation = {conversation}"
            ).fetchone()[0]
            for table in tables
        }
    return {table: count for table, count in counts.items() if count}


async def reached(check: Callable[[], bool]) -> None:
    while not check():
        await asyncio.sleep(0.05)


def texts_in_files(path: Path) -> list[str]:
    held = b"".join(file.read_bytes() for file in path.parent.glob("chat.db*"))
    return [text for text in TEXTS if text.encode() in held]


def is_sound(path: Path) -> None:
    assert maintenance.check(path) == []
    assert maintenance.verify(path) == []


@pytest.mark.usefixtures("in_small_steps")
async def test_nothing_is_left_but_that_it_was_removed(path: Path) -> None:
    before = mentions(path, 1), mentions(path, 3)
    async with opened(path) as store:
        await store.write(followers.heartbeat)
        journal = path.with_name("chat.db-wal")
        await reached(lambda: not journal.stat().st_size)  # a start empties it once
        await begin(store)
        await purges.finish(store)
        assert await store.read(purges.unfinished) == []
        newest = await store.read(log.newest_offset)
        assert (await store.read(log.one, newest)).actor == HOST
        async with asyncio.timeout(10):  # the documents' promise
            await reached(lambda: not texts_in_files(path))
    assert mentions(path, CLOSED) == {"event": 1}
    assert (mentions(path, 1), mentions(path, 3)) == before
    is_sound(path)
    assert b"hello" in path.read_bytes()


@pytest.mark.usefixtures("in_small_steps")
async def test_after_each_step_the_database_is_whole(path: Path) -> None:
    """Also where several rooms are removed together."""
    desk = Offline(path, now=times.now())
    other = fill(desk, "other", ["one", "two"])
    desk.run(conversations.close, other)
    desk.run(conversations.purge, other)
    desk.close()
    steps: list[None] = []
    async with opened(path) as store:
        with after_each_write(store, lambda: steps.append(is_sound(path))):
            await begin(store)
            await purges.finish(store)
    assert len(steps) > 15
    assert mentions(path, CLOSED) == mentions(path, other.id) == {"event": 1}


@pytest.mark.usefixtures("in_small_steps")
@pytest.mark.parametrize("done", [0, 5])
async def test_what_a_stop_leaves_the_next_start_removes(
    path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    async with opened(path) as store:
        await begin(store)
        write, left = store.write, done

        async def cut(*arguments: Any, **how: Any) -> Any:
            nonlocal left
            if not left:
                raise InterruptedError
            left -= 1
            return await write(*arguments, **how)

        monkeypatch.setattr(store, "write", cut)
        with pytest.raises(InterruptedError):
            await purges.finish(store)
    assert mentions(path, CLOSED) != {"event": 1}
    async with opened(path) as store:
        await room_retention.remove(store, 0, times.now())
    assert mentions(path, CLOSED) == {"event": 1}
    is_sound(path)


async def test_closed_rooms_are_kept_for_so_long(path: Path) -> None:
    async with opened(path) as store:
        for days, closed in ((0, ["closed two"]), (11, ["closed two"]), (9, [])):
            await room_retention.remove(store, days, times.now())
            found = await store.read(rooms.page, 0, "all", None)
            assert [each.name for each in found] == ["kept two", *closed, "later two"]
    is_sound(path)


async def test_the_file_gives_its_pages_back(desk: Offline) -> None:
    desk.create_room("kept")
    large = desk.create_room("large")
    for number in range(1500):
        desk.post(large, "anna", f"{number} {'x' * 4000}")
    desk.run(conversations.close, large)
    desk.close()
    before = desk.path.stat().st_size
    async with opened(desk.path) as store:
        await store.write(conversations.purge, HOST, large)
        await purges.finish(store)
    assert before > 10_000_000
    assert desk.path.stat().st_size < 1_000_000
    is_sound(desk.path)


async def test_a_server_starts_on_what_a_killed_command_has_left(path: Path) -> None:
    """Sessions that a crash left open are closed by the next start, but not those of a room that
    nobody finds any more."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            """UPDATE room_session SET leave_time = NULL, left_offset = NULL, reason = NULL
            WHERE conversation = ? AND user_id = 'still there'""",
            (CLOSED,),
        )
    async with opened(path) as store:
        await begin(store)
    settings = Settings(database_url=f"sqlite:{path}")
    app = create_app(settings, durable=False)
    async with app.lifespan():
        async with asyncio.timeout(10):
            await reached(lambda: mentions(path, CLOSED) == {"event": 1})
    is_sound(path)


def test_a_step_has_few_large_texts(desk: Offline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purges, "STEP_BYTES", 1000)
    large = desk.create_room("large")
    for size in (600, 500, 400, 2000, 10, 20):
        desk.post(large, "anna", "x" * size)
    desk.run(conversations.close, large)
    desk.run(conversations.purge, large)
    removed = []
    while count := desk.call(purges._remove_messages, large):
        removed.append(count)
    assert removed == [1, 2, 1, 2]


def test_an_erasure_passes_over_what_was_purged_meanwhile(path: Path) -> None:
    desk = Offline(path, now=times.now())
    desk.run(conversations.purge, ROOM)
    kept = room(1)
    found = [(ROOM, 9), (kept, 2)]
    assert desk.call(messages.erase_each, HOST, found) == 1
    desk.close()


@pytest.mark.parametrize("status", ["pending", "failed"])
async def test_a_room_whose_callbacks_wait_is_kept(path: Path, status: str) -> None:
    """By the clock: who asks for one room to be removed has decided that."""
    desk = Offline(path, now=times.now())
    desk.call(callbacks.configure, {"data": "http://127.0.0.1:1/"}, 0)

    def wait(tx: Tx) -> None:
        planned = deliveries.Planned(1, CLOSED, "data_sync", 1, 1, 4)
        deliveries.add(tx.db, tx.take("delivery"), [planned], tx.now, 0)
        tx.db.execute_sql("UPDATE delivery SET status = ?", (status,))

    desk.call(wait)
    desk.close()
    async with opened(path) as store:
        await room_retention.remove(store, 1, times.now())
    with closing(sqlite3.connect(path)) as db:
        (count,) = db.execute("SELECT count(*) FROM conversation WHERE id = 2").fetchone()
    assert count == (status == "pending")
