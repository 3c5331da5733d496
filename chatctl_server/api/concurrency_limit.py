"""How much of something may go on at once."""

import contextlib
from collections import Counter
from collections.abc import Hashable, Iterator

from chatctl_server import errors

RETRY_SECONDS = 5


class ConcurrencyLimit:
    """``most`` in all, and ``most_of_one`` of each key. ``sentence`` is said to what is beyond it,
    and ``refused`` counts that."""

    def __init__(self, most: int, most_of_one: int, sentence: str) -> None:
        self.refused = 0
        self._most = most
        self._most_of_one = most_of_one
        self._sentence = sentence
        self._open: Counter[Hashable] = Counter()

    @contextlib.contextmanager
    def taken(self, key: Hashable) -> Iterator[None]:
        """Raises Busy."""
        if self._open[key] >= self._most_of_one or self._open.total() >= self._most:
            self.refused += 1
            raise errors.Busy(self._sentence, retry_after=RETRY_SECONDS)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            self._open += Counter()  # without those that have none
