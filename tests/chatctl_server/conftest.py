from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import Offline

from chatctl_server.storage import maintenance


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
