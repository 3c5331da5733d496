"""Which agents are there: those with a connection to the desk, or who had one a moment ago."""

from collections import Counter
from collections.abc import Iterable

AWAY_SECONDS = 10.0  # from an agent's last connection to when it is away: a page is loaded again
RETURN_SECONDS = 60.0  # in which they come back to a server that has been started again


class DeskAgents:
    """By their user ids. Times are the loop's, in seconds."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._left: dict[str, float] = {}

    def begin(self, agents: Iterable[str], now: float) -> None:
        """Those who have something from before the server's start."""
        for each in agents:
            if each not in self._open:
                self._left[each] = now + RETURN_SECONDS - AWAY_SECONDS

    def come(self, agent: str) -> bool:
        """Whether it was away."""
        was_there = agent in self._open or agent in self._left
        self._left.pop(agent, None)
        self._open[agent] += 1
        return not was_there

    def go(self, agent: str, now: float) -> None:
        self._open[agent] -= 1
        if not self._open[agent]:
            del self._open[agent]
            self._left[agent] = now

    def there(self) -> tuple[str, ...]:
        return (*self._open, *self._left)

    def gone(self, now: float) -> list[str]:
        """Those who are away since the last call."""
        found = [each for each, since in self._left.items() if now - since >= AWAY_SECONDS]
        for each in found:
            del self._left[each]
        return found
