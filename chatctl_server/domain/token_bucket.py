"""How often something may happen: a token bucket, as a pure rule (contract access)."""

from chatctl_server.domain.times import SECOND

BURST_SECONDS = 3  # what is allowed in that time may come at once


def full_again(full_at: int, now: int, per_second: int) -> int | None:
    """When the bucket is full after one that comes ``now``; None when it has no token left.

    ``full_at`` is the answer to the one before, 0 for the first. Microseconds of a clock that
    does not go back.
    """
    return taken(full_at, now, SECOND // per_second, BURST_SECONDS * SECOND)


def taken(full_at: int, now: int, interval: int, longest: int) -> int | None:
    """As ``full_again``, for one each ``interval``, and as many at once as have ``longest`` from
    empty to full."""
    after = max(full_at, now) + interval
    return after if after - now <= longest else None
