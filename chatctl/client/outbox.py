"""Messages that were not answered yet."""

import asyncio
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """By their client ids, in the order in which they were sent last."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, asyncio.Future[T]]] = {}

    def add(self, client_id: str, frame: str) -> asyncio.Future[T]:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[client_id] = (frame, answer)
        return answer

    def discard(self, client_id: str) -> None:
        self._waiting.pop(client_id, None)

    def frames(self) -> list[str]:
        return [frame for frame, _ in self._waiting.values()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def answer(self, client_id: str, found: T) -> None:
        """One that nobody waits for is passed over, as one to another client of this user is."""
        if (future := self._taken(client_id)) is not None:
            future.set_result(found)

    def refuse(self, client_id: str, error: Exception) -> None:
        if (future := self._taken(client_id)) is not None:
            future.set_exception(error)

    def refuse_all(self, error: Exception) -> None:
        for client_id in list(self._waiting):
            self.refuse(client_id, error)

    def _taken(self, client_id: str) -> asyncio.Future[T] | None:
        _, future = self._waiting.pop(client_id, (None, None))
        return None if future is None or future.done() else future
