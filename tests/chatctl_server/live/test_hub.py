"""What a channel's ring holds, in bytes, and what a flush gives to whom."""

from collections.abc import Sequence

import pytest

from chatctl_server.live import hub
from chatctl_server.live.hub import Channel, Subscriber, _Flush
from chatctl_server.live.outbox import Frame


def filled(size: int, count: int) -> Channel:
    channel = Channel(0)
    for offset in range(1, count + 1):
        channel.add(Frame("x" * size, size, offset))
    return channel


def test_the_ring_keeps_to_its_bytes() -> None:
    channel = filled(hub.RING_BYTES // 10, 15)
    assert len(channel.ring) == 10
    assert channel.floor == 5


def test_a_text_is_counted_in_utf8() -> None:
    rooms = hub.Hub()
    rooms.pin(1)
    rooms._start_flush = lambda channel: None  # type: ignore[method-assign]
    rooms.publish(1, 1, "你好".encode())
    assert rooms._channels[1].ring_bytes == 6


def test_a_deleted_message_gives_its_bytes_back() -> None:
    """Else each deletion would shorten the ring for ever."""
    channel = filled(1000, 500)
    for offset in range(1, 501):
        channel.revise(Frame("", 0, offset))
    assert channel.ring_bytes == 0
    for offset in range(501, 1001):
        channel.add(Frame("x" * 1000, 1000, offset))
    assert len(channel.ring) == 1000
    assert channel.ring_bytes == 500_000


class Kept:
    """In the place of an outbox: what it was given."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    def extend(self, frames: Sequence[Frame], size: int) -> None:
        self.offsets += [frame.offset for frame in frames]


@pytest.mark.parametrize(
    ("after", "given"), [(6, [7, 8, 9]), (7, [8, 9]), (8, [9]), (9, []), (10, [])]
)
def test_a_flush_gives_a_member_what_is_above_their_place(after: int, given: list[int]) -> None:
    kept = Kept()
    flush = _Flush(Channel(0), [Frame("x", 1, offset) for offset in (7, 8, 9)], [])
    flush.give(Subscriber(kept, after))  # type: ignore[arg-type]
    assert kept.offsets == given
