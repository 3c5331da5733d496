from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from offline import Offline

from chatctl_server.domain import times
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Offline]:
    made = Offline(tmp_path / "chat.db")
    yield made
    made.close()


@pytest.fixture
def scene(desk: Offline) -> Iterator[Offline]:
    """What a test leaves breaks no rule, and is what its log tells."""
    yield desk
    desk.close()
    assert maintenance.check(desk.path) == maintenance.verify(desk.path) == []


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Of a new database, at the time that it is."""
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    made = Store(tmp_path / "chat.db", durable=False, clock=times.now)
    await made.open()
    yield made
    await made.close()
