"""How often a user may send, as a pure rule (contract rooms, section 2, rule 3)."""

from chatctl_server.domain.times import SECOND


def seconds_left(last_accepted_at: int | None, now: int, interval_seconds: int) -> int:
    """0 when the user may send; else the whole seconds to wait, rounded up, at least 1."""
    if not interval_seconds or last_accepted_at is None:
        return 0
    left = last_accepted_at + interval_seconds * SECOND - now
    return -(-left // SECOND) if left > 0 else 0
