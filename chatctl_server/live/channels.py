"""What the hub keeps of a channel: its recent entries, who listens to it, and a pass over them."""

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple

from chatctl_server.live.derived import DerivedViews
from chatctl_server.live.subscriber import Subscriber

MEMO_POSITIONS = 8  # of a channel, for which what is above is kept joined


class Entry:
    """An event as it is shown: ``frames`` by view, made once. An erasure puts others there."""

    __slots__ = ("__weakref__", "frames", "offset", "size")

    def __init__(self, offset: int, frames: Mapping[str, bytes]) -> None:
        self.offset = offset
        self.frames = frames
        self.size = sum(map(len, frames.values()))

    def revise(self, frames: Mapping[str, bytes]) -> int:
        """How many bytes more there are."""
        before, self.frames = self.size, frames
        self.size = sum(map(len, frames.values()))
        return self.size - before


class Signal(NamedTuple):
    """``but``: whose subscribers are not told."""

    frames: Mapping[str, bytes]
    but: Hashable = None

    def is_for(self, subscriber: Subscriber) -> bool:
        return self.but is None or subscriber.owner != self.but


class Channel:
    """``floor``: every entry above it is here; ``whole_above``: from there on they are whole, for
    who comes back; ``last``: the newest entry's offset; ``served``: up to which everybody was
    written who reads. ``many`` listen to other channels, too,
    each with its view of this one."""

    __slots__ = (
        "entries",
        "floor",
        "is_dirty",
        "last",
        "many",
        "memo",
        "pins",
        "served",
        "signals",
        "size",
        "subscribers",
        "turn",
        "whole_above",
    )

    def __init__(self, floor: int) -> None:
        self.floor = self.whole_above = self.last = self.served = floor
        self.entries: deque[Entry] = deque()
        self.size = 0
        self.subscribers: dict[Subscriber, None] = {}
        self.many: dict[Subscriber, str] = {}
        self.pins = 0
        self.signals: list[Signal] = []
        self.turn: Turn | None = None
        self.memo: dict[tuple[str, int, int], tuple[bytes, int, int]] = {}
        self.is_dirty = False

    def add(self, entry: Entry) -> int:
        """How many bytes more the channel holds."""
        self.entries.append(entry)
        self.last = entry.offset
        self.size += entry.size
        self.memo.clear()
        return entry.size

    def pass_over(self, offset: int) -> None:
        """An entry that nobody would read here again: those who listen to many keep their own."""
        self.floor = self.whole_above = self.last = self.served = offset

    def trim(self, most: int) -> int:
        """How many bytes fewer the channel holds. What somebody who reads has not been written yet
        stays, however much it is."""
        before, entries = self.size, self.entries
        while self.size > most and len(entries) > 1 and entries[0].offset <= self.served:
            dropped = entries.popleft()
            self.size -= dropped.size
            self.floor = dropped.offset
        self.whole_above = max(self.whole_above, self.floor)
        return before - self.size

    def above(self, position: int) -> list[Entry]:
        found: list[Entry] = []
        for entry in reversed(self.entries):
            if entry.offset <= position:
                break
            found.append(entry)
        found.reverse()
        return found

    def find(self, offset: int) -> Entry | None:
        return next((each for each in self.entries if each.offset == offset), None)

    def frames_above(
        self, view: str, position: int, views: DerivedViews, most: int = 0
    ) -> tuple[bytes, int, int]:
        """How many they are, and the offset up to which they go: the last, or where so many bytes
        are reached."""
        key = (view, position, most)
        found = self.memo.get(key)
        if found is None:
            if len(self.memo) >= MEMO_POSITIONS:
                self.memo.clear()
            found = self.memo[key] = self._joined(view, position, views, most)
        return found

    def _joined(
        self, view: str, position: int, views: DerivedViews, most: int
    ) -> tuple[bytes, int, int]:
        entries = self.above(position)
        if not most:
            frames = views.frames(entries, view)
            return b"".join(frames), len(frames), self.last
        part: list[bytes] = []
        size = 0
        for entry in entries:
            position = entry.offset
            frames = views.frames([entry], view)
            part += frames
            size += sum(map(len, frames))
            if size >= most:
                break
        return b"".join(part), len(part), position

    @property
    def is_kept(self) -> bool:
        """Whether its entries are read from here."""
        return bool(self.subscribers or self.pins or self.entries)

    @property
    def is_idle(self) -> bool:
        return not (self.subscribers or self.many or self.pins)


class Turn:
    """One pass over a channel's subscribers: up to ``last``, with the signals of that moment."""

    __slots__ = ("_left_out", "_memo", "last", "left", "signals")

    def __init__(self, channel: Channel) -> None:
        self.last = channel.last
        self.signals, channel.signals = channel.signals, []
        everybody = [*channel.subscribers, *(channel.many if self.signals else ())]
        self.left: Iterator[Subscriber] = iter(everybody)
        self._left_out = {each.but for each in self.signals} - {None}
        self._memo: dict[tuple[str, Hashable], bytes] = {}

    def signals_for(self, subscriber: Subscriber, views: DerivedViews) -> bytes:
        view, owner = subscriber.view, subscriber.owner
        key = view, owner if owner in self._left_out else None
        found = self._memo.get(key)
        if found is None:
            told = [each for each in self.signals if each.is_for(subscriber)]
            found = b"".join([views.frame(each.frames, view) for each in told])
            self._memo[key] = found
        return found
