"""A stream whose filter lets nothing through still shows that the server is there."""

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from chatctl_server.api.admin import events
from chatctl_server.domain import times
from chatctl_server.live.bell import Bell
from chatctl_server.storage import maintenance
from chatctl_server.storage.log import Wanted
from chatctl_server.storage.store import Store


async def test_what_others_do_does_not_put_the_empty_line_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.3)
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    store = Store(tmp_path / "chat.db", durable=False, clock=times.now)
    await store.open()
    context = SimpleNamespace(store=store, bell=Bell(), is_stopping=False)

    async def be_busy() -> None:
        while True:
            context.bell.ring()
            await asyncio.sleep(0.05)  # the pace of the others

    busy = asyncio.create_task(be_busy())
    lines = events._follow(context, Wanted("mute.*"), 0, [], 0)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        assert [await anext(lines) for _ in range(3)] == [b"\n"] * 3
    busy.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await busy
    await store.close()
