"""Equal reads that are asked for at once are one, such as those of all who come back after a
restart."""

import asyncio
import copy
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from chatctl_server import errors

T = TypeVar("T")


class _Read:
    """``topic``: what it is about; None: whatever there is."""

    __slots__ = ("is_stale", "task", "topic")

    def __init__(self, task: asyncio.Task[Any], topic: Hashable) -> None:
        self.task = task
        self.topic = topic
        self.is_stale = False


class SharedReads:
    """Whoever asks for what is being read already waits for that. A read's error is everybody's;
    when one of them is cancelled, the others' read goes on."""

    def __init__(self) -> None:
        self._reading: dict[Hashable, _Read] = {}

    async def read(
        self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]], *, topic: Hashable = None
    ) -> T:
        """With a ``topic``, what has changed while it was read is read again."""
        while True:
            reading = self._reading.get(key) or self._begin(key, ask, topic)
            try:
                found: T = await asyncio.shield(reading.task)
            except errors.ChatctlError as error:
                raise copy.copy(error) from None  # a shared one collects all their tracebacks
            if topic is None or not reading.is_stale:
                return found

    def _begin(
        self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]], topic: Hashable
    ) -> _Read:
        reading = self._reading[key] = _Read(asyncio.create_task(ask(), name="shared read"), topic)
        reading.task.add_done_callback(lambda _: self._ended(key, reading))
        return reading

    def forget(self, topic: Hashable) -> None:
        """Whoever asks from now on is not told what was read of it before: something has changed
        that they may know of."""
        for key, reading in list(self._reading.items()):
            if reading.topic in (None, topic):
                reading.is_stale = True
                del self._reading[key]

    def _ended(self, key: Hashable, reading: _Read) -> None:
        if self._reading.get(key) is reading:
            del self._reading[key]
        if not reading.task.cancelled():
            reading.task.exception()  # perhaps nobody waits for it any more
