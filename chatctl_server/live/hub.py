"""Live delivery: who listens to which channel, and each channel's newest frames.

The writer's commits feed it in log order. A frame enters the ring and the flush buffer in one
step; a flush works on a snapshot of members and frames, in slices, so that 10,000 members do
not hold up an admin's action. The hub never waits for a client: outboxes are bounded.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable

from chatctl_server.live.outbox import Frame, Outbox, frame

RING_FRAMES = 1000
RING_BYTES = 1024 * 1024
SLICE_FRAMES = 50  # a millisecond or so of sending; an admin's action waits for a few slices


class Subscriber:
    """A member of a channel; it is sent only what is above ``after``."""

    __slots__ = ("after", "outbox")

    def __init__(self, outbox: Outbox, after: int) -> None:
        self.outbox = outbox
        self.after = after


class Channel:
    __slots__ = ("buffer", "floor", "is_flushing", "members", "pins", "ring", "ring_bytes")

    def __init__(self, floor: int) -> None:
        self.floor = floor  # the ring holds every frame above it
        self.ring: deque[Frame] = deque()
        self.ring_bytes = 0
        self.buffer: list[Frame] = []
        self.members: dict[Outbox, Subscriber] = {}
        self.pins = 0
        self.is_flushing = False

    def add(self, frame: Frame) -> None:
        self.ring.append(frame)
        self.ring_bytes += frame.size
        while len(self.ring) > RING_FRAMES or self.ring_bytes > RING_BYTES:
            dropped = self.ring.popleft()
            self.ring_bytes -= dropped.size
            self.floor = dropped.offset
        self.buffer.append(frame)

    def skip(self, frame: Frame) -> None:
        """What follows is a ring of its own: it would not be whole with what stands before."""
        self.ring.clear()
        self.ring_bytes = 0
        self.floor = frame.offset
        self.buffer.append(frame)

    def revise(self, frame: Frame) -> None:
        for frames in (self.ring, self.buffer):
            for place, earlier in enumerate(frames):
                if earlier.offset == frame.offset:
                    frames[place] = frame
                    if frames is self.ring:
                        self.ring_bytes += frame.size - earlier.size
                    break


class Hub:
    def __init__(self) -> None:
        self.published = 0  # the offset up to which all events have passed
        self.on_flush: Callable[[int, float], None] = lambda frames, seconds: None
        self._channels: dict[Hashable, Channel] = {}

    def publish(self, key: Hashable, offset: int, data: bytes) -> None:
        """An event's frame. ``advance`` follows for every event, also for those without a frame."""
        channel = self._channels.get(key)
        if channel is None:
            return
        channel.add(frame(data, offset))
        self._start_flush(channel)

    def revise(self, key: Hashable, offset: int, data: bytes) -> None:
        """Puts another frame in an earlier one's place: nobody is sent the first one any more."""
        channel = self._channels.get(key)
        if channel is not None:
            channel.revise(frame(data, offset))

    def skip(self, key: Hashable, offset: int, data: bytes) -> None:
        """In place of a frame that could not be made: the members are sent this, and who
        comes back reads from the database."""
        channel = self._channels.get(key)
        if channel is not None:
            channel.skip(frame(data, offset))
            self._start_flush(channel)

    def advance(self, offset: int) -> None:
        self.published = offset

    def listens(self, key: Hashable) -> bool:
        return key in self._channels

    def signal(self, key: Hashable, data: bytes) -> None:
        """A frame that is no event: never stored or replayed, may be lost."""
        channel = self._channels.get(key)
        if channel is not None:
            for subscriber in list(channel.members.values()):
                subscriber.outbox.push(data)

    # Joining

    def pin(self, key: Hashable) -> None:
        """Keeps a ring for the channel from now on, until ``unpin``."""
        self._channel(key).pins += 1

    def unpin(self, key: Hashable) -> None:
        self._channels[key].pins -= 1
        self._drop_if_idle(key)

    def join(self, key: Hashable, outbox: Outbox, after: int) -> bool:
        """Joins at that position, sending the ring's rest first; without an await.

        False when the ring does not reach back to it: read on from the database.
        """
        channel = self._channel(key)
        if after < channel.floor and after < self.published:
            self._drop_if_idle(key)
            return False
        rest = [frame for frame in channel.ring if frame.offset > after]
        if rest:
            outbox.extend(rest, _size(rest))
            after = rest[-1].offset
        channel.members[outbox] = Subscriber(outbox, after)
        return True

    def leave(self, key: Hashable, outbox: Outbox) -> None:
        channel = self._channels.get(key)
        if channel is not None:
            channel.members.pop(outbox, None)
            self._drop_if_idle(key)

    def _channel(self, key: Hashable) -> Channel:
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(self.published)
        return channel

    def _drop_if_idle(self, key: Hashable) -> None:
        channel = self._channels[key]
        if not channel.members and not channel.pins:
            del self._channels[key]

    # Flushing

    def _start_flush(self, channel: Channel) -> None:
        if not channel.is_flushing:
            channel.is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush, channel)

    def _flush(self, channel: Channel) -> None:
        frames, channel.buffer = channel.buffer, []
        flush = _Flush(channel, frames, list(channel.members.values()))
        self._flush_slice(flush, 0)

    def _flush_slice(self, flush: "_Flush", start: int) -> None:
        """A slice is about 50 frames to send; then other work has its turn."""
        began = time.perf_counter()
        end = start + flush.slice
        members = flush.members[start:end]
        for subscriber in members:
            flush.give(subscriber)
        self.on_flush(len(flush.frames) * len(members), time.perf_counter() - began)
        loop, channel = asyncio.get_running_loop(), flush.channel
        if end < len(flush.members):
            loop.call_soon(self._flush_slice, flush, end)
        elif channel.buffer:
            loop.call_soon(self._flush, channel)
        else:
            channel.is_flushing = False


class _Flush:
    """A snapshot of a channel's members and of the frames they are to be given."""

    __slots__ = ("channel", "first", "frames", "last", "members", "size", "slice")

    def __init__(self, channel: Channel, frames: list[Frame], members: list[Subscriber]) -> None:
        self.channel = channel
        self.frames = frames
        self.members = members
        self.size = _size(frames)
        self.first, self.last = frames[0].offset, frames[-1].offset
        self.slice = max(1, SLICE_FRAMES // len(frames))

    def give(self, subscriber: Subscriber) -> None:
        if subscriber.after < self.first:
            subscriber.outbox.extend(self.frames, self.size)
        elif subscriber.after < self.last:
            rest = [frame for frame in self.frames if frame.offset > subscriber.after]
            subscriber.outbox.extend(rest, _size(rest))


def _size(frames: list[Frame]) -> int:
    return sum(frame.size for frame in frames)
