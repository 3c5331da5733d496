"""What goes over the connections, as plain numbers: they are added to in the loop, and ``/metrics``
reads them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

EvictionReason = Literal["silent", "stalled", "too_slow", "too_fast"]
EVICTION_REASONS: tuple[EvictionReason, ...] = get_args(EvictionReason)

StreamKind = Literal["rooms", "team", "log", "tries"]
STREAM_KINDS: tuple[StreamKind, ...] = get_args(StreamKind)


class Traffic:
    """Since the start. ``evictions``: whom the server closed for what they did not do, or did too
    often. ``early`` and ``surplus``: connections refused because too many began, or were there.
    ``streams``: how many responses without an end are open, by what they tell of."""

    def __init__(self) -> None:
        self.received_frames = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.early = 0
        self.surplus = 0
        self.evictions: Counter[EvictionReason] = Counter()
        self.streams: Counter[str] = Counter(dict.fromkeys(STREAM_KINDS, 0))

    @contextmanager
    def streaming(self, kind: StreamKind) -> Iterator[None]:
        """As long as one is open."""
        self.streams[kind] += 1
        try:
            yield
        finally:
            self.streams[kind] -= 1
