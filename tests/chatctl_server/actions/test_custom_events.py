"""What a client sends to the others is JSON that all of them can read."""

import msgspec
import pytest
from offline import Offline

from chatctl_server import errors
from chatctl_server.actions import custom_events
from chatctl_server.storage import log


def test_a_custom_event_that_others_cannot_read_is_refused(scene: Offline) -> None:
    lobby = scene.create_room("lobby")
    before = scene.ask(log.newest_offset)

    def send(payload: bytes) -> None:
        scene.run(custom_events.send, lobby, "anna", "poll", msgspec.Raw(payload))

    with pytest.raises(errors.BadText, match="payload contains a lone surrogate"):
        send(rb'{"a": ["\ud83d"]}')
    with pytest.raises(errors.InvalidInput):
        send(b"9" * 5000)
    assert scene.ask(log.newest_offset) == before
    send(rb'{"a": ["\ud83d\ude00"]}')
    assert scene.ask(log.newest_offset) == before + 1
