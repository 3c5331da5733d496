"""How long a user has to wait before the next message (USER_MESSAGE_INTERVAL_SECS)."""

from chatctl_server.domain.throttle import seconds_left
from chatctl_server.domain.times import SECOND

LAST = 1_800_000_000 * SECOND


def test_who_keeps_the_cadence_is_not_refused() -> None:
    """200 ms before the time count as in time."""
    left = {0: 3, 1: 3, 1000: 2, 2000: 1, 2799: 1, 2800: 0, 2990: 0, 3000: 0, 3001: 0}
    for milliseconds, expected in left.items():
        assert seconds_left(LAST, LAST + milliseconds * SECOND // 1000, 3) == expected


def test_who_may_send_at_once() -> None:
    """The first, where there is no interval, and after the clock was set back."""
    for last, interval in ((None, 3), (LAST, 0), (LAST + 3600 * SECOND, 3)):
        assert seconds_left(last, LAST, interval) == 0
