"""The newest events of the log in memory, for streams that follow it: as they were handed over by
the writer, so that a commit costs no stream a query. Who is further behind reads the database."""

import contextlib
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from chatctl_server.domain import account_events, events, support_events
from chatctl_server.storage import whereabouts
from chatctl_server.storage.log import EventFilter
from chatctl_server.storage.store import Store
from chatctl_server.storage.whereabouts import Whereabouts
from chatctl_server.views.events import event_object, line_of

MOST_BYTES = 4 * 1024 * 1024
PART_BYTES = 256 * 1024  # of what a stream is given at once
MOST_PLACES = 10_000  # of conversations whose names are remembered
_OVERHEAD_BYTES = 500  # of an event, beside its payload
# Of a person or a file, whose name is taken out of events before it.
_NAMELESS = (
    account_events.AccountErased,
    support_events.CustomerErased,
    support_events.FileDetached,
)
Place = tuple[int | None, int | None]  # scope and conversation


class Recent:
    """An event, where its conversation is, once somebody has looked, and the line that it is shown
    as, once it was asked for."""

    __slots__ = ("_line", "event", "size", "where")

    def __init__(self, event: events.Event, where: Whereabouts | None) -> None:
        self.event = event
        self.where = where
        self._line: bytes | None = None
        self.size = _OVERHEAD_BYTES + 2 * len(events.encode(event.payload))

    @property
    def line(self) -> bytes:
        """Made once for all streams."""
        assert self.where is not None
        if self._line is None:
            self._line = line_of(event_object(self.event, self.where))
        return self._line

    def erase(self) -> None:
        if isinstance(self.event.payload, events.WITH_TEXT):
            emptied = events.without_text(self.event.payload)
            self.event = msgspec.structs.replace(self.event, payload=emptied)
            self._line = None


class LogTail:
    """The operator's broadcaster, empty while nobody follows. ``floor``: every event above it that
    was published is here."""

    def __init__(self) -> None:
        self.floor = 0
        self._recent: deque[Recent] = deque()
        self._size = 0
        self._followers = 0
        self._places: dict[Place, Whereabouts] = {}

    @contextlib.contextmanager
    def followed(self, published: int) -> Iterator[None]:
        """``published``: the offset up to which events have passed."""
        if not self._followers:
            self.floor = published
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._empty()
                self._places.clear()

    def publish(self, event: events.Event) -> None:
        """In log order."""
        if not self._followers:
            return
        if isinstance(event.payload, _NAMELESS):
            self.skip(event)  # followers read the events before it anew
            return
        if isinstance(event.payload, events.MessageErased):
            self._erase((event.payload.posted_offset, *event.payload.edited_offsets))
        elif isinstance(event.payload, events.ConversationPurged):
            self._purge(event.conversation)
        recent = Recent(event, self._places.get((event.scope, event.conversation)))
        self._recent.append(recent)
        self._size += recent.size
        while self._size > MOST_BYTES:
            dropped = self._recent.popleft()
            self._size -= dropped.size
            self.floor = dropped.event.offset

    def skip(self, event: events.Event) -> None:
        """In place of one that could not be published."""
        self._empty()
        self.floor = event.offset

    def stop(self) -> None:
        """It tells nothing of its own accord."""

    def _empty(self) -> None:
        self._recent.clear()
        self._size = 0

    def _erase(self, offsets: tuple[int, ...]) -> None:
        for recent in self._recent:
            if recent.event.offset in offsets:
                recent.erase()

    def _purge(self, conversation: int | None) -> None:
        kept = [each for each in self._recent if each.event.conversation != conversation]
        self._recent = deque(kept)
        self._size = sum(each.size for each in kept)

    def above(self, position: int) -> list[Recent] | None:
        """None when that is below the floor."""
        if position < self.floor:
            return None
        found: list[Recent] = []
        for recent in reversed(self._recent):
            if recent.event.offset <= position:
                break
            found.append(recent)
        found.reverse()
        return found

    def learn(self, found: list[Recent], where: dict[int, Whereabouts]) -> None:
        """``where`` is by the events' offsets."""
        if len(self._places) > MOST_PLACES:
            self._places.clear()
        for recent in found:
            event = recent.event
            recent.where = self._places[event.scope, event.conversation] = where[event.offset]


class Part(NamedTuple):
    """What follows, the position up to which all has been seen, and whether more follows."""

    lines: bytes
    position: int
    has_more: bool


class NewestEvents:
    """What a stream wants of the tail. ``types``: those that fit its pattern; None for all."""

    def __init__(
        self, tail: LogTail, store: Store, wanted: EventFilter, types: frozenset[str] | None
    ) -> None:
        self.tail = tail
        self._store = store
        self._wanted = wanted
        self._types = types

    async def above(self, position: int) -> Part | None:
        """None when the tail does not reach back to the position."""
        passed = self.tail.above(position)
        if passed is None:
            return None
        found, size = [], 0
        for recent in passed:
            if self._is_wanted(recent.event):
                if size > PART_BYTES:
                    break
                found.append(recent)
                size += recent.size
            position = recent.event.offset
        unknown = [each for each in found if each.where is None]
        if unknown:  # the first events of their conversations since somebody follows
            of = [each.event for each in unknown]
            self.tail.learn(unknown, await self._store.read(whereabouts.of, of))
        return Part(b"".join([each.line for each in found]), position, has_more=False)

    def _is_wanted(self, event: events.Event) -> bool:
        wanted = self._wanted
        return (
            (self._types is None or events.type_name(event.payload) in self._types)
            and wanted.conversation in (None, event.conversation)
            and wanted.actor in (None, event.actor.user_id)
            and wanted.scope in (None, event.scope)
        )
