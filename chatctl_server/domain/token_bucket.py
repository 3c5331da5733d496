"""How often something may happen: a token bucket, as a pure rule (contract access)."""

from chatctl_server.domain.times import SECOND

BURST_SECONDS = 3  # what is allowed in that time may come at once


def full_again(full_at: int, now: int, per_second: int) -> int | None:
    """When the bucket is full after one that comes ``now``; None when it has no token left.

    ``full_at`` is the answer to the one before, 0 for the first. Microseconds of a clock that
    does not go back.
    """
    after = max(full_at, now) + SECOND // per_second
    return after if after - now <= BURST_SECONDS * SECOND else None
