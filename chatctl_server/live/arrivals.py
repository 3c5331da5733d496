"""How many connections may begin in a second (NEW_CONNECTIONS_PER_SECOND)."""

from chatctl_server.domain import token_bucket
from chatctl_server.domain.times import SECOND

LONGEST_WAIT_SECONDS = 30


class Arrivals:
    """``per_second`` of them, after three seconds' worth at once; 0 is any number.

    Those who are refused are given turns, one after the other at that rate: who keeps to them is
    let in, however many came at once.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._full_at = 0
        self._last_turn = 0

    def seconds_to_wait(self, now: int) -> int:
        """0 when it may begin. ``now`` in microseconds of a clock that does not go back."""
        if not self._per_second:
            return 0
        full_at = token_bucket.full_again(self._full_at, now, self._per_second)
        if full_at is not None:
            self._full_at = full_at
            return 0
        self._last_turn = max(self._last_turn, now) + SECOND // self._per_second
        return min(LONGEST_WAIT_SECONDS, -(-(self._last_turn - now) // SECOND))
