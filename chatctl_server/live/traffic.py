"""What goes over the connections, as plain numbers: they are added to in the loop, and ``/metrics``
reads them."""

from collections import Counter
from typing import Literal, get_args

EvictionReason = Literal["silent", "stalled", "too_slow", "too_fast"]
EVICTION_REASONS: tuple[EvictionReason, ...] = get_args(EvictionReason)


class Traffic:
    """Since the start. ``evictions``: whom the server closed for what they did not do, or did too
    often. ``early`` and ``surplus``: connections refused because too many began, or were there."""

    def __init__(self) -> None:
        self.received_frames = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.early = 0
        self.surplus = 0
        self.evictions: Counter[EvictionReason] = Counter()
