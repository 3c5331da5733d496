"""Invariant I3 of docs/architecture.md."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatctl_server import errors
from chatctl_server.actions import followers
from chatctl_server.domain import times
from chatctl_server.storage import maintenance, server_state
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    path = tmp_path / "chat.db"
    maintenance.prepare(path, durable=True)
    opened = Store(path, clock=times.now)
    await opened.open()
    yield opened
    await opened.close()


def forget_heartbeat(db: Database) -> None:
    db.execute_sql("DELETE FROM server_state")


async def test_a_question_cannot_write(store: Store) -> None:
    await store.write(followers.heartbeat)
    with pytest.raises(errors.StorageUnavailable):
        await store.read(forget_heartbeat)
    assert await store.read(server_state.value, server_state.HEARTBEAT) > 0


async def test_a_process_that_only_reads_cannot_write(store: Store) -> None:
    reader = Store(store.path, clock=times.now)
    await reader.open(write=False)
    with pytest.raises(errors.StorageUnavailable):
        await reader.write(followers.heartbeat)
    assert await store.read(server_state.value, server_state.HEARTBEAT) == 0
    await reader.close()
