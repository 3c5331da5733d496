"""How many of something in a time: as people write it, and keeping to it."""

import re
import time
from collections.abc import Callable

from chatctl.shell import failures

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_RATE = re.compile(r"([0-9]{1,9})(?:/([smh]))?", re.ASCII)


def rate(text: str, name: str) -> float:
    """How many a second ``50/s``, ``50`` or ``600/m`` are. Raises Failure ``usage``."""
    found = _RATE.fullmatch(text)
    if found is None or not int(found[1]):
        raise failures.usage(f"{name}: '{text}' is not a rate", f"{name} 50/s, 600/m or 1000/h")
    return int(found[1]) / _SECONDS[found[2] or "s"]


class Pace:
    """``per_second``: None is as fast as can be. A rest is one sleep to the moment itself."""

    def __init__(
        self,
        per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._next_at = clock()

    def rest(self) -> None:
        """Until more may be done."""
        left = self._next_at - self._clock()
        if left > 0:
            self._sleep(left)

    def did(self, count: int) -> None:
        """Time that was not used is not made up for by a burst."""
        if self._per_second is not None:
            self._next_at = max(self._next_at, self._clock()) + count / self._per_second
