"""How often something may come within a minute."""

import math
from collections import OrderedDict
from collections.abc import Callable

from chatctl_server import errors

KEYS = 10_000
WINDOW_SECONDS = 60.0


class MinuteLimit:
    """``per_minute`` of each key, in the minute that begins with its first; 0 is any number.

    Remembers the newest 10,000 keys. ``sentence`` is said to what is beyond it, and ``refused``
    counts that.
    """

    def __init__(self, per_minute: int, sentence: str, clock: Callable[[], float]) -> None:
        self.refused = 0
        self._per_minute = per_minute
        self._sentence = sentence
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raises Throttled when the key has used up its number."""
        since, count = self._seen.get(key, (0.0, 0))
        left = since + WINDOW_SECONDS - self._clock()
        if self._per_minute and count >= self._per_minute and left > 0:
            self.refused += 1
            raise errors.Throttled(self._sentence, retry_after=math.ceil(left))

    def add(self, key: str) -> None:
        if not self._per_minute:
            return
        now = self._clock()
        since, count = self._seen.pop(key, (now, 0))
        self._seen[key] = (since, count + 1) if now < since + WINDOW_SECONDS else (now, 1)
        if len(self._seen) > KEYS:
            self._seen.popitem(last=False)

    def give_back(self, key: str) -> None:
        """One that does not count after all."""
        since, count = self._seen.get(key, (0.0, 0))
        if count:
            self._seen[key] = since, count - 1
