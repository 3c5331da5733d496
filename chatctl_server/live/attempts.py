"""What happens to callbacks, told to whoever listens: live only, nothing is kept."""

import contextlib
from collections import deque
from collections.abc import Iterator

from chatctl_server.live.notifier import Notifier

MOST_LINES = 1000  # of one listener; further ones are counted instead


class Listener:
    def __init__(self) -> None:
        self.notifier = Notifier()
        self._lines: deque[bytes] = deque()
        self._skipped = 0

    def hear(self, line: bytes) -> None:
        if self._skipped or len(self._lines) >= MOST_LINES:
            self._skipped += 1
        else:
            self._lines.append(line)
        self.notifier.notify()

    def take(self) -> bytes:
        """All that waits; a listener that was too slow is told how many lines it missed."""
        found = b"".join(self._lines)
        self._lines.clear()
        if self._skipped:
            found += b'{"skipped":%d}\n' % self._skipped
            self._skipped = 0
        return found


class Attempts:
    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def publish(self, line: bytes) -> None:
        for listener in self._listeners:
            listener.hear(line)

    @contextlib.contextmanager
    def listener(self) -> Iterator[Listener]:
        made = Listener()
        self._listeners.add(made)
        try:
            yield made
        finally:
            self._listeners.discard(made)

    def wake(self) -> None:
        """Everybody looks whether they should go on."""
        for listener in self._listeners:
            listener.notifier.notify()
