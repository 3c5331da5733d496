"""How often a user may send, as a pure rule (contract rooms, section 2, rule 3)."""

from chatctl_server.domain.times import SECOND

GRACE = SECOND // 5  # who sends every interval exactly is not refused for the way's jitter


def seconds_left(last_accepted_at: int | None, now: int, interval_seconds: int) -> int:
    """0 when the user may send; else the whole seconds to wait, rounded up, at least 1.

    A message far in the future is from before the clock was set back; it silences nobody.
    """
    if not interval_seconds or last_accepted_at is None:
        return 0
    left = last_accepted_at + interval_seconds * SECOND - now
    if left <= GRACE or left > 2 * interval_seconds * SECOND:
        return 0
    return min(interval_seconds, -(-left // SECOND))
