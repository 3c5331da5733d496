"""Live delivery: who listens to which channel, and each channel's recent entries.

The writer's commits feed it in log order. A subscriber has a position in that order, not a queue
of copies: whoever serves it writes everything up to one offset, and after an offset was written
nothing below it ever comes. So a client that is slow, or comes late, costs a position; and all who
stand at the same one are written the same bytes, which are joined once.
"""

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import islice
from weakref import WeakValueDictionary

from chatctl_server.domain import close_codes
from chatctl_server.live.channels import Channel, Entry, Signal, Turn
from chatctl_server.live.derived import DerivedViews
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.live.traffic import Traffic
from chatctl_server.live.transports import Transport

CHANNEL_BYTES = 1024 * 1024  # of recent entries; who is further behind is cut off
HUB_BYTES = 64 * 1024 * 1024  # of all channels' together
PART_BYTES = 64 * 1024  # of what one subscriber is behind: then it waits for its next turn
SLICE_WRITES = 50
SLICE_SECONDS = 0.002  # then other work has its turn: an admin's action waits for one slice


class Hub:
    def __init__(self) -> None:
        self.published = 0  # the offset up to which all events have passed
        self.views = DerivedViews()
        self.on_flush: Callable[[int, float], None] = lambda frames, seconds: None
        self.traffic = Traffic()
        self._channels: dict[Hashable, Channel] = {}
        # By offset: those that who listens to many is owed, wherever else they are.
        self._pending: WeakValueDictionary[int, Entry] = WeakValueDictionary()
        self._size = 0
        self._trims_at = 0
        self._dirty: deque[Channel] = deque()
        self._owed: deque[Subscriber] = deque()
        self._is_scheduled = False
        self._frames = 0  # written in this slice

    def subscriber(self, transport: Transport, view: str) -> Subscriber:
        return Subscriber(transport, view, self._owe, self._serve, self.traffic)

    # What has happened

    def publish(self, keys: Iterable[Hashable], offset: int, frames: Mapping[str, bytes]) -> None:
        """An event's frames. ``advance`` follows for every event, also for those without any."""
        entry: Entry | None = None
        for key in keys:
            channel = self._channels.get(key)
            if channel is None:
                continue
            if entry is None:
                entry = Entry(offset, frames)
            for subscriber, view in channel.many.items():
                self._add_pending(subscriber, entry, view)
            if channel.is_kept:
                self._size += channel.add(entry)
                self._mark(channel)
            else:
                channel.pass_over(offset)
        if self._size > max(HUB_BYTES, self._trims_at):
            self._trim_largest()

    def revise(self, keys: Iterable[Hashable], offset: int, frames: Mapping[str, bytes]) -> None:
        """Puts other frames in an earlier event's place: nobody is written the first ones any
        more."""
        channels = [each for key in keys if (each := self._channels.get(key)) is not None]
        found = (self._pending.get(offset), *(each.find(offset) for each in channels))
        entry = next((each for each in found if each is not None), None)
        if entry is None:
            return
        grown = entry.revise(frames)
        for channel in channels:
            if offset > channel.floor:
                channel.size += grown
                self._size += grown
                channel.memo.clear()

    def skip(self, keys: Iterable[Hashable], offset: int, frames: Mapping[str, bytes]) -> None:
        """In place of frames that could not be made: the subscribers are written these, and who
        comes back reads from the database."""
        self.publish(keys, offset, frames)
        for key in keys:
            channel = self._channels.get(key)
            if channel is not None:
                channel.whole_above = offset

    def advance(self, offset: int) -> None:
        self.published = offset

    def listens(self, key: Hashable) -> bool:
        return key in self._channels

    def signal(
        self,
        key: Hashable,
        frames: Mapping[str, bytes],
        *,
        waits: bool = False,
        but: Hashable = None,
    ) -> None:
        """Frames that are no event: never stored or replayed, may be lost. In a channel of few they
        are for who listens now; in one of many, for who does in its turn. What ``waits`` there
        goes out with the next write to each. Subscribers of the owner ``but`` are left out."""
        channel = self._channels.get(key)
        if channel is None:
            return
        signal = Signal(frames, but)
        if len(channel.subscribers) > SLICE_WRITES or channel.many:
            channel.signals.append(signal)
            self._mark(channel)
            return
        for subscriber in channel.subscribers:
            frame = self.views.frame(frames, subscriber.view)
            if frame and not subscriber.is_paused and signal.is_for(subscriber):
                subscriber.own.append(frame)
                if not waits:
                    self._owe(subscriber)

    # Who listens

    def pin(self, key: Hashable) -> None:
        """Keeps a channel's recent entries from now on, until ``unpin``."""
        self._channel(key).pins += 1

    def unpin(self, key: Hashable) -> None:
        self._channels[key].pins -= 1
        self._drop_if_idle(key)

    def join(self, key: Hashable, subscriber: Subscriber, after: int) -> bool:
        """Listens to that channel alone, from that position on; what is above it follows.

        False when the recent entries do not reach back to it: read on from the database.
        """
        channel = self._channel(key)
        if after < channel.whole_above and after < self.published:
            self._drop_if_idle(key)
            return False
        self._serve(subscriber)  # what it was told of its own comes before what happened since
        subscriber.channel = channel
        subscriber.position = after
        channel.subscribers[subscriber] = None
        self._serve(subscriber)
        return True

    def leave(self, key: Hashable, subscriber: Subscriber) -> None:
        channel = self._channels.get(key)
        if channel is not None:
            channel.subscribers.pop(subscriber, None)
            channel.many.pop(subscriber, None)
            self._drop_if_idle(key)
        subscriber.channel = None
        if subscriber.keys:
            subscriber.keys.discard(key)

    def join_many(self, views: Mapping[Hashable, str], subscriber: Subscriber, after: int) -> bool:
        """Listens to those channels together, as ``join``."""
        channels = [(self._channel(key), view) for key, view in views.items()]
        if after < self.published and any(after < each.whole_above for each, _ in channels):
            for key in views:
                self._drop_if_idle(key)
            return False
        subscriber.position = after
        missed = [(entry, view) for each, view in channels for entry in each.above(after)]
        missed.sort(key=lambda each: each[0].offset)
        for entry, view in missed:
            self._add_pending(subscriber, entry, view)
        for channel, view in channels:
            channel.many[subscriber] = view
        subscriber.keys = {*(subscriber.keys or ()), *views}
        return True

    def add(self, key: Hashable, subscriber: Subscriber, view: str) -> None:
        """One that listens to many listens to this channel, too, from now on."""
        self._channel(key).many[subscriber] = view
        subscriber.keys = subscriber.keys or set()
        subscriber.keys.add(key)

    def dissolve(self, key: Hashable) -> None:
        """All leave who listen to many."""
        channel = self._channels.get(key)
        for each in list(channel.many) if channel is not None else ():
            self.leave(key, each)

    def leave_all(self, subscriber: Subscriber) -> None:
        """Of one that listens to many."""
        for key in list(subscriber.keys or ()):
            self.leave(key, subscriber)

    def _channel(self, key: Hashable) -> Channel:
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(self.published)
        return channel

    def _drop_if_idle(self, key: Hashable) -> None:
        channel = self._channels.get(key)
        if channel is not None and channel.is_idle:
            self._size -= channel.size
            channel.size = 0  # its turn may still come
            channel.entries.clear()
            del self._channels[key]
            self._trims_at = min(self._trims_at, self._size + HUB_BYTES // 8)

    def _trim_largest(self) -> None:
        """Half of the largest channels' entries, until there is room for an eighth more: who stands
        in that half is cut off or reads it from the database. Where no channel gives way, as many
        come before they are looked through again."""
        room = HUB_BYTES // 8
        for channel in sorted(self._channels.values(), key=lambda each: each.size, reverse=True):
            self._size -= channel.trim(channel.size // 2)
            if self._size <= HUB_BYTES - room:
                break
        self._trims_at = self._size + room

    # Writing

    def _add_pending(self, subscriber: Subscriber, entry: Entry, view: str) -> None:
        frame = self.views.frame(entry.frames, view, entry.offset)
        if not frame or subscriber.is_finished:
            return
        if subscriber.pending and subscriber.pending[-1][0] is entry:
            return  # heard of in another channel
        self._pending[entry.offset] = entry
        subscriber.pending.append((entry, view))
        subscriber.pending_bytes += len(frame)
        if not subscriber.may_be_written and subscriber.pending_bytes > CHANNEL_BYTES:
            subscriber.finish(close_codes.TOO_SLOW, overtaking=True)
            return
        self._owe(subscriber)

    def put_before(self, subscriber: Subscriber, offset: int, frames: Mapping[str, bytes]) -> None:
        """Frames of no place in the log, for one that listens to many: in front of what waits for
        it from that offset on."""
        if subscriber.is_finished:
            return
        at = bisect_left(subscriber.pending, offset, key=lambda each: each[0].offset)
        subscriber.pending.insert(at, (Entry(offset, frames), subscriber.view))
        subscriber.pending_bytes += len(self.views.frame(frames, subscriber.view))
        if subscriber.pending_bytes > CHANNEL_BYTES:
            subscriber.finish(close_codes.TOO_SLOW, overtaking=True)

    def _owe(self, subscriber: Subscriber) -> None:
        if not subscriber.is_owed:
            subscriber.is_owed = True
            self._owed.append(subscriber)
            self._schedule()

    def _mark(self, channel: Channel) -> None:
        if not channel.is_dirty:
            channel.is_dirty = True
            self._dirty.append(channel)
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """A slice: those who are owed something of their own first, with their channel's entries,
        then channel by channel, in turn."""
        self._is_scheduled = False
        began = time.perf_counter()
        while True:
            served = self._serve_owed(SLICE_WRITES)
            if self._dirty:
                most = max(SLICE_WRITES - served, SLICE_WRITES // 2)
                self._serve_channel(self._dirty[0], most)
            seconds = time.perf_counter() - began
            if seconds >= SLICE_SECONDS or not (self._owed or self._dirty):
                break
        if self._owed or self._dirty:
            self._schedule()
        frames, self._frames = self._frames, 0
        self.on_flush(frames, seconds)

    def _serve_owed(self, most: int) -> int:
        served = 0
        for _ in range(min(most, len(self._owed))):  # not those who are owed again at once
            subscriber = self._owed.popleft()
            subscriber.is_owed = False
            self._serve(subscriber)
            served += 1
        return served

    def _serve_channel(self, channel: Channel, most: int) -> None:
        """``most`` of its subscribers, of the first channel that is dirty."""
        if channel.turn is None and not channel.signals and len(channel.subscribers) < most:
            last = channel.last
            self._write_new(channel, list(channel.subscribers))
            self._end_turn(channel, last)
            return
        turn = channel.turn = channel.turn or Turn(channel)
        subscribers = list(islice(turn.left, most))
        if turn.signals:
            for each in subscribers:
                self._serve(each, turn.signals_for(each, self.views))
        else:
            self._write_new(channel, subscribers)
        if len(subscribers) < most:
            self._end_turn(channel, turn.last)
        else:
            self._dirty.rotate(-1)

    def _end_turn(self, channel: Channel, last: int) -> None:
        channel.turn = None
        channel.memo.clear()
        channel.served = last
        if channel.size > CHANNEL_BYTES:
            self._size -= channel.trim(CHANNEL_BYTES)
            self._trims_at = min(self._trims_at, self._size + HUB_BYTES // 8)
        if channel.last > last or channel.signals:
            self._dirty.rotate(-1)
        else:
            channel.is_dirty = False
            self._dirty.popleft()

    def _write_new(self, channel: Channel, subscribers: Iterable[Subscriber]) -> None:
        """As ``_serve``, in one loop for all who listen and are owed nothing else: it is what a
        delivery costs."""
        last, served, view, position = channel.last, channel.served, "", -1
        data, size, frames, total, sent = b"", 0, 0, 0, 0
        for each in subscribers:
            its_position = each.position
            is_alike = each.channel is channel and its_position >= served
            if not is_alike or each.is_paused or each.is_finished or each.own:
                self._serve(each)
                continue
            if its_position >= last:  # who has posted was served with the Ack
                continue
            if its_position != position or each.view != view:
                view, position = each.view, its_position
                data, frames, _ = channel.frames_above(view, position, self.views)
                size = len(data)
            each.position = last
            if data:
                each.written += size
                try:
                    each.transport.write(data)
                except Exception as error:
                    each.fail(error)
                total += frames
                sent += size
        self._frames += total
        self.traffic.sent_bytes += sent

    def _serve(self, subscriber: Subscriber, signals: bytes = b"", *, whole: bool = False) -> None:
        """``whole``: it gets no further turn."""
        if subscriber.is_finished:
            return
        channel = subscriber.channel
        if channel is not None and subscriber.position < channel.floor:
            subscriber.finish(close_codes.TOO_SLOW, overtaking=True)
            return
        if not subscriber.may_be_written:
            return
        data = self._take(subscriber, whole=whole)
        if channel is not None and subscriber.position < channel.last:
            self._owe(subscriber)  # the rest, and what is its own and comes behind that
            subscriber.write(data)
            return
        if subscriber.own:
            data += subscriber.take_own()
        data += signals  # later than those of its own that wait
        if data:
            subscriber.write(data)

    def _take(self, subscriber: Subscriber, *, whole: bool) -> bytes:
        """What has happened since its position, which moves behind it. Who is behind the others
        gets a part of it, but for the ``whole``."""
        channel, pending = subscriber.channel, subscriber.pending
        if channel is not None and subscriber.position < channel.last:
            most = PART_BYTES if subscriber.position < channel.served and not whole else 0
            data, frames, subscriber.position = channel.frames_above(
                subscriber.view, subscriber.position, self.views, most
            )
        elif pending:
            shown = [self.views.frame(each.frames, view, each.offset) for each, view in pending]
            data = b"".join(shown)
            frames = len(pending)
            subscriber.position = pending[-1][0].offset
            subscriber.pending_bytes = 0
            pending.clear()
        else:
            return b""
        self._frames += frames
        return data
