"""How long a user has to wait before the next message (USER_MESSAGE_INTERVAL_SECS)."""

import pytest

from chatctl_server.domain.throttle import seconds_left
from chatctl_server.domain.times import SECOND

LAST = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0, 3), (1, 3), (1000, 2), (2000, 1), (2799, 1), (2800, 0), (2990, 0), (3000, 0), (3001, 0)],
)
def test_who_keeps_the_cadence_is_not_refused(milliseconds: int, expected: int) -> None:
    """200 ms before the time count as in time."""
    assert seconds_left(LAST, LAST + milliseconds * SECOND // 1000, 3) == expected


@pytest.mark.parametrize(
    ("last", "interval"), [(None, 3), (LAST, 0), (LAST + 3600 * SECOND, 3)], ids=str
)
def test_who_may_send_at_once(last: int | None, interval: int) -> None:
    """The first, where there is no interval, and after the clock was set back."""
    assert seconds_left(last, LAST, interval) == 0
