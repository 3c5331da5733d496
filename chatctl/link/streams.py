"""Following what a server does as it happens, across its restarts."""

import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chatctl.link.answers import LostContact
from chatctl.link.client import Client, Json, Params
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options
from chatctl.show import output

if TYPE_CHECKING:
    from chatctl.client.errors import Lost

_PATH = "/management/events/stream"
_RETRY_SECONDS = 0.25
# A server that is going down or coming up says so; it is asked again like one that is away.
_NOT_NOW = ("busy", "storage_unavailable", "lock_held", "unreachable", "no_server", "timed_out")
T = TypeVar("T")
Lines = AsyncGenerator[list[bytes], None]


def follow(
    options: Options,
    server: Client,
    query: Params,
    after: int | None,
    say: Callable[[str], None] | None = None,
) -> Generator[Json, None, None]:
    """Events above the offset ``after``, each once; for None the query says where they begin. Ends
    never; raises Failure ``unreachable``
    when there was no contact for the time of ``--timeout``. ``say`` is told when the server goes
    and comes, in place of a note."""

    def asked() -> Lines:
        return server.follow(_PATH, query if after is None else {**query, "after": after})

    def news() -> str:
        return "beginning anew" if after is None else f"going on after offset {after}"

    contact = _Contact(options, news, say or partial(output.note, options))
    for event in _across_restarts(server, asked, contact):
        after = int(event["offset"])
        yield event


def live(options: Options, server: Client, path: str) -> Iterator[Json]:
    """Objects of a stream that has no past: what happened while there was no contact is missed.
    Ends and raises as ``follow``; who is not there at the beginning is not waited for."""
    newest_offset(server)

    def asked() -> Lines:
        return server.follow(path, {})

    news = "what happened meanwhile is not shown"
    contact = _Contact(options, lambda: news, partial(output.note, options))
    yield from _across_restarts(server, asked, contact)


def _across_restarts(
    server: Client, asked: Callable[[], Lines], contact: "_Contact"
) -> Iterator[Json]:
    """``asked`` begins the stream anew."""
    from chatctl.client import resume

    async def connected() -> Lines:
        with _lost():
            if contact.is_lost:
                server.reconnect()
            async with aclosing(asked()) as found:
                async for together in found:
                    yield together

    for together in _waited_for(resume.over_connections(connected, contact)):
        for found in map(server.followed, together):
            if found is not None:
                yield found


@contextmanager
def _lost() -> Iterator[None]:
    """What passes by itself, as a reason to connect again."""
    from chatctl.client.errors import Lost

    try:
        yield
    except LostContact as lost:
        raise Lost(lost.reason) from None
    except Failure as failure:
        if failure.code not in _NOT_NOW:
            raise
        raise Lost(failure.message) from None


def _waited_for(found: AsyncGenerator[T, None]) -> Iterator[T]:
    """What it yields, for who runs no event loop; nothing is read meanwhile. A signal ends the wait
    as it would any other: with ``Runner.run``, Ctrl-C would wait for the next await."""
    import asyncio

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        try:
            while True:
                step = asyncio.ensure_future(anext(found), loop=loop)
                yield loop.run_until_complete(step)
        finally:
            if step.done():  # else the runner cancels it, and what it waits for
                loop.run_until_complete(found.aclose())


def newest_offset(server: Client) -> int:
    return int(server.get("/management/status")["last_offset"])


class _Contact:
    """Says when the server went away and when it came back, with ``news``."""

    def __init__(
        self, options: Options, news: Callable[[], str], say: Callable[[str], None]
    ) -> None:
        self._options = options
        self._news = news
        self._say = say
        self._lost_at: float | None = None

    @property
    def is_lost(self) -> bool:
        return self._lost_at is not None

    def made(self) -> None:
        if self.is_lost:
            self._say(f"connected again, {self._news()}")
            self._lost_at = None

    def lost(self, lost: "Lost") -> float:
        """Raises Failure ``unreachable`` when it lasted too long."""
        now = time.monotonic()
        if self._lost_at is None:
            self._say(f"{lost.reason}; waiting for the server to come back")
            self._lost_at = now
        elif now - self._lost_at > self._options.timeout_seconds:
            raise Failure("unreachable", lost.reason)
        return _RETRY_SECONDS
