"""How many endpoints can be added."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import Offline

from chatctl_server import errors
from chatctl_server.actions import callbacks, endpoints
from chatctl_server.settings.sources import Settings

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Offline]:
    made = Offline(tmp_path / "chat.db")
    yield made
    made.close()


def add(desk: Offline, url: str) -> endpoints.Result:
    added: endpoints.Result = desk.run(endpoints.add, url, ["ban.*"], None, True, Settings())
    return added


def test_a_hundred_beside_those_of_the_settings(desk: Offline) -> None:
    desk.call(callbacks.configure, {"room_event": URL}, 0)
    first, *_ = [add(desk, f"{URL}/{n}").endpoint for n in range(100)]
    changes = endpoints.Changes(None, None, None, "disabled", True)
    desk.run(endpoints.change, first.public_id, changes, Settings())
    with pytest.raises(errors.Conflict) as raised:
        add(desk, URL)
    assert raised.value.detail == "There are 100 added endpoints; 100 is the most"
    assert raised.value.hint == "remove one that is not needed any more"
    assert add(desk, f"{URL}/1").changed is False
    desk.run(endpoints.remove, first.public_id)
    assert add(desk, URL).changed is True
