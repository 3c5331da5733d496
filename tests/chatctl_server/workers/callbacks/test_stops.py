"""A stop with callbacks ends in order, and sends nothing twice or to the wrong place."""

import asyncio
import contextlib
import signal
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hooks import at, calling, of_event, wait_at, wait_for_event
from receivers import answer, drip_answer, hang, receiver
from world import eventually

from chatctl_server import errors
from chatctl_server.actions import callbacks, conversations
from chatctl_server.app import create_app
from chatctl_server.domain import events, times
from chatctl_server.live.notifier import Notifier
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries, maintenance
from chatctl_server.storage.store import Store
from chatctl_server.workers.callbacks import delivery_planner, sender
from chatctl_server.workers.callbacks.service import Callbacks
from chatctl_server.workers.supervise import Workers

EVENTS = "ROOM_EVENT_CALLBACK_URL"
ACTOR = events.Actor(None, "test")


def test_the_leaves_of_a_stop_are_told_before_it_ends(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        room = server.create_room("lobby")
        room.join("ann")
        wait_for_event(hook, "user_joined", 1)
        assert server.stop() == 0
        names = [each.json["event_type"] for each in at(hook, EVENTS)]
        assert names == ["RoomCreated", "UserJoined", "UserLeft"]


def test_there_may_be_more_of_them_than_slots(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        rooms = [server.create_room(f"room {number}") for number in range(40)]
        for each in rooms:
            each.join("ann")
        wait_for_event(hook, "user_joined", 40)
        assert server.stop() == 0
        left = {each.json["room_id"] for each in of_event(hook, "user_left")}
        assert left == {each.id for each in rooms}


def test_a_stop_begins_nothing_that_it_would_cut_off(tmp_path: Path) -> None:
    """A backlog waits for the next start, and nothing is sent twice."""
    slow, short = drip_answer(every_seconds=0.009), {"SHUTDOWN_TIMEOUT_SECONDS": "5"}  # 0.5 s, 1 s
    with receiver(slow) as hook, calling(tmp_path, hook, EVENTS, **short) as server:
        for number in range(100):
            server.create_room(f"room {number}")
        for _ in range(2):
            wait_at(hook, EVENTS, 1)
            assert server.stop() == 0
            server.start()
        wait_for_event(hook, "room_created", 100)
        ids = [each.headers["webhook-id"] for each in at(hook, EVENTS)]
        assert len(ids) == len(set(ids)) == 100


def test_a_second_signal_does_not_cut_the_stop_off(tmp_path: Path) -> None:
    with receiver(hang()) as hook, calling(tmp_path, hook, EVENTS) as server:
        server.create_room("lobby")
        wait_at(hook, EVENTS, 1)
        assert server.process is not None
        server.process.send_signal(signal.SIGINT)
        eventually(lambda: "the stop waits for them" in server.log.read_text())
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        assert '"stopped"' in server.log.read_text()
        assert not server.database.with_name("chat.db-wal").exists()


def test_an_event_that_cannot_be_read_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        server.create_room("lobby")
        wait_at(hook, EVENTS, 1)
        server.stop()
        database = sqlite3.connect(server.database)
        with database:
            database.execute(
                """INSERT INTO event SELECT 99, type, class, scope, conversation, actor, credential,
                address, at, '{"broken": 1}' FROM event WHERE id = 1"""
            )
        database.close()
        server.start()
        assert server.stop() == 0
        assert "planning failed; it is left to the next start" in server.log.read_text()


@contextlib.asynccontextmanager
async def about_to_stop(
    path: Path, url: str, rooms: Sequence[str] = ("one", "two", "three")
) -> AsyncIterator[Callbacks]:
    """The workers have ended, and these rooms have been made after that."""
    maintenance.prepare(path, durable=False)
    settings = Settings(database_url=f"sqlite:{path}", room_event_callback_url=url)
    store, workers = Store(path, durable=False, clock=times.now), Workers()
    await store.open()
    made = Callbacks(settings, store, Notifier(), lambda _: 0, "1", Notifier(), lambda _: None)
    await made.start(workers)
    await workers.stop()
    for name in rooms:
        await store.write(conversations.create_room, ACTOR, name, [])
    yield made
    await made.close()
    await store.close()


async def test_what_arrives_during_the_look_keeps_no_end_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A room's end waits for its creation, which arrives while it is looked for what is due."""
    with receiver(drip_answer(every_seconds=0.005), answer()) as hook:
        async with about_to_stop(tmp_path / "chat.db", hook.url, rooms=()) as made:
            store, workers = made._store, Workers()
            workers.start("sending", made._sender.run)
            room = await store.write(conversations.create_room, ACTOR, "lobby", [])
            await made._planner.step(in_haste=True)
            while not made._sender.under_way:
                await asyncio.sleep(0.005)
            await workers.stop()
            await store.write(conversations.close, ACTOR, room.ref)
            read = store.read

            async def read_slowly(query: Any, *arguments: Any) -> Any:
                found = await read(query, *arguments)
                while query is sender._due and made._sender.under_way:
                    await asyncio.sleep(0.005)
                return found

            monkeypatch.setattr(store, "read", read_slowly)
            await made.stop(5.0)
        assert [each.json["event_type"] for each in hook.requests] == ["RoomCreated", "RoomClosed"]


async def test_a_plan_without_an_end_leaves_time_to_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = delivery_planner.Planner.step

    async def endless(self: delivery_planner.Planner, *, in_haste: bool = False) -> bool:
        await step(self, in_haste=in_haste)
        await asyncio.sleep(0.01)
        return True

    with receiver() as hook:
        async with about_to_stop(tmp_path / "chat.db", hook.url) as made:
            monkeypatch.setattr(delivery_planner.Planner, "step", endless)
            await made.stop(2.0)
            assert len(hook.requests) == 3


async def test_a_stop_plans_without_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as hook:
        async with about_to_stop(tmp_path / "chat.db", hook.url) as made:
            monkeypatch.setattr(delivery_planner, "DELIVERIES_A_CALL", 1)
            monkeypatch.setattr(delivery_planner, "PAUSE_SECONDS", 3600.0)
            await made.stop(10.0)
            assert len(hook.requests) == 3


async def test_a_start_that_fails_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table still names the URL of the run before."""

    def refuse(*_: Any) -> NoReturn:
        raise errors.StorageFull("The disk is full")

    path = tmp_path / "chat.db"
    with receiver() as hook:
        await _fill(path, hook.url)
        other = f"{hook.url}other"
        settings = Settings(database_url=f"sqlite:{path}", room_event_callback_url=other)
        monkeypatch.setattr(callbacks, "configure", refuse)
        with pytest.raises(errors.StorageFull):
            async with create_app(settings, durable=False).lifespan():
                pass
        assert hook.requests == []


async def _fill(path: Path, url: str) -> None:
    maintenance.prepare(path, durable=False)
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    await store.write(callbacks.configure, {"room_event": url}, 0)
    await store.write(conversations.create_room, events.Actor(None, "test"), "lobby", [])
    planned = [deliveries.Planned(1, 1, "room_created", 1, 1, 4)]
    assert await store.write(callbacks.plan, 0, 0, planned, [], 0)
    await store.close()
