"""Equal reads that are asked for at once are one, such as those of all who come back after a
restart."""

import asyncio
import copy
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

from chatctl_server import errors

T = TypeVar("T")


class SharedReads:
    """Whoever asks for what is being read already waits for that. A read's error is everybody's;
    when one of them is cancelled, the others' read goes on."""

    def __init__(self) -> None:
        self._reading: dict[Hashable, asyncio.Task[Any]] = {}
        self.changes = 0  # that it was told of

    async def read(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(ask(), name="shared read")
            reading.add_done_callback(lambda done: self._ended(key, done))
        try:
            return await asyncio.shield(reading)
        except errors.ChatctlError as error:
            raise copy.copy(error) from None  # a shared one collects all their tracebacks

    def forget(self) -> None:
        """Whoever asks from now on is not told what was read before: something has changed that
        they may know of."""
        self.changes += 1
        self._reading.clear()

    def _ended(self, key: Hashable, reading: asyncio.Task[Any]) -> None:
        if self._reading.get(key) is reading:
            del self._reading[key]
        if not reading.cancelled():
            reading.exception()  # perhaps nobody waits for it any more
