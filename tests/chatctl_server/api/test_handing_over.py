"""What was committed together is shown one by one: what cannot be shown costs that one alone."""

import json
import logging
from pathlib import Path

import pytest
from application import held, in_process, reached
from test_broadcaster import Sent

from chatctl_server.actions import conversations, messages
from chatctl_server.api.rooms import broadcaster
from chatctl_server.app import Application
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import log

ANNA = events.Actor("anna", "test", None)
BAD = "cannot be shown"


def of_event(entry: events.Event) -> bytes | None:
    if isinstance(entry.payload, events.MessagePosted) and entry.payload.content == BAD:
        raise ValueError("no frame can be made")
    return real(entry)


real = broadcaster.frames.of_event


@pytest.fixture(autouse=True)
def unshowable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcaster.frames, "of_event", of_event)


async def post_together(app: Application, room: RoomRef, *texts: str) -> None:
    """In one transaction."""
    store, done = app.context.store, []
    async with held(store):
        for text in texts:
            post = messages.Post(room, ANNA, "anna", "anna", text)
            store.submit(messages.POST, (post,), done.append)
    await reached(lambda: len(done) == len(texts))
    assert all(isinstance(each, messages.Posted) for each in done)


async def open_room(app: Application) -> RoomRef:
    created = await app.context.store.write(conversations.create_room, ANNA, "lobby", ())
    return created.ref


async def test_one_of_a_batch_costs_that_one_and_its_room_a_resync(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_process(tmp_path, "server") as (app, _):
        room, other = await open_room(app), RoomRef(1000, ROOMS)
        hub, notifier = app.context.hub, app.context.notifier
        listener, stranger = Sent(hub), Sent(hub)
        hub.join(room, listener.subscriber, hub.published)
        hub.join(other, stranger.subscriber, hub.published)
        seen = notifier.count
        with caplog.at_level(logging.ERROR):
            await post_together(app, room, "one", BAD, "three")
        assert notifier.count > seen
        newest = await app.context.store.read(log.newest_offset)
        assert hub.published == newest
        for each in (listener, stranger):
            each.subscriber.finish(4000)
            await each.subscriber.transport.end()
        shown = [json.loads(frame) for frame in listener.frames]
        assert [each["type"] for each in shown] == ["Message", "Error", "Message"]
        assert [each["payload"].get("content") for each in shown] == ["one", None, "three"]
        assert shown[1]["payload"]["code"] == "resync_required"
        assert stranger.frames == []
        (line,) = [each for each in caplog.records if each.exc_info]
        assert line.getMessage() == f"rooms: the event at offset {newest - 1} could not be shown"


async def test_who_comes_back_is_not_sent_the_rest_as_if_it_were_all(tmp_path: Path) -> None:
    """The newest frames lack one: what stands before it is read from the database."""
    async with in_process(tmp_path, "server") as (app, _):
        room = await open_room(app)
        hub = app.context.hub
        listener, returning = Sent(hub), Sent(hub)
        hub.join(room, listener.subscriber, hub.published)
        before = hub.published
        await post_together(app, room, "one", BAD, "three")
        assert not hub.join(room, returning.subscriber, before)
        assert not hub.join(room, returning.subscriber, before + 1)
        assert hub.join(room, returning.subscriber, before + 2)
