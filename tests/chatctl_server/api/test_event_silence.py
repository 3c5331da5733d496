"""Streams whose filter lets little through: that the server is there, and what it looks through."""

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from application import in_process

from chatctl_server.api.context import Serving
from chatctl_server.api.management import events
from chatctl_server.domain import times
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import log, maintenance
from chatctl_server.storage.log import Wanted
from chatctl_server.storage.store import Store


async def test_what_others_do_does_not_put_the_empty_line_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.3)
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    store = Store(tmp_path / "chat.db", durable=False, clock=times.now)
    await store.open()
    context = SimpleNamespace(store=store, notifier=Notifier(), serving=Serving())

    async def be_busy() -> None:
        while True:
            context.notifier.notify()
            await asyncio.sleep(0.05)  # the pace of the others

    busy = asyncio.create_task(be_busy())
    lines = events._follow(context, Wanted("mute.*"), 0, [], 0)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        assert [await anext(lines) for _ in range(3)] == [b"\n"] * 3
    busy.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await busy
    await store.close()


async def test_a_long_log_is_looked_through_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query over all of it would be interrupted. Nothing is committed meanwhile."""
    monkeypatch.setattr(log, "SCAN", 3)
    async with in_process(tmp_path) as (app, client):
        for name in [*["room"] * 10, "last"]:
            await client.post("/management/rooms", json={"room_name": name})
        context = app.context
        newest = await context.store.read(log.newest_offset)
        (last,) = await context.store.read(log.find_last, Wanted(), 0, 1)
        wanted = Wanted(conversation=last.conversation)
        lines = events._follow(context, wanted, 0, [], context.notifier.count)
        async with asyncio.timeout(5):
            assert await anext(lines) == b"\n"
            assert msgspec.json.decode(await anext(lines))["offset"] == newest
