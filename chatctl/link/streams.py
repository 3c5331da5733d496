"""Following what a server does as it happens, across its restarts."""

import time
from collections.abc import Callable, Iterator

from chatctl.link.client import Client, Json, LostContact, Params
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options
from chatctl.show import output

_PATH = "/management/events/stream"
_RETRY_SECONDS = 0.25
# A server that is going down or coming up says so; it is asked again like one that is away.
_NOT_NOW = ("busy", "storage_unavailable", "lock_held", "unreachable", "no_server", "timed_out")


def follow(options: Options, server: Client, query: Params, after: int | None) -> Iterator[Json]:
    """Events above the offset ``after``, each once; for None the query says where they begin. Ends
    never; raises Failure ``unreachable``
    when there was no contact for the time of ``--timeout``."""

    def asked() -> Iterator[Json | None]:
        return server.follow(_PATH, query if after is None else {**query, "after": after})

    def news() -> str:
        return "beginning anew" if after is None else f"going on after offset {after}"

    for event in _across_restarts(options, server, asked, news):
        after = int(event["offset"])
        yield event


def live(options: Options, server: Client, path: str) -> Iterator[Json]:
    """Objects of a stream that has no past: what happened while there was no contact is missed.
    Ends and raises as ``follow``; who is not there at the beginning is not waited for."""
    newest_offset(server)

    def asked() -> Iterator[Json | None]:
        return server.follow(path, {})

    yield from _across_restarts(
        options, server, asked, lambda: "what happened meanwhile is not shown"
    )


def _across_restarts(
    options: Options,
    server: Client,
    asked: Callable[[], Iterator[Json | None]],
    news: Callable[[], str],
) -> Iterator[Json]:
    """``asked`` begins the stream anew; ``news`` is said when it has."""
    contact = _Contact(options)
    while True:
        try:
            if contact.is_lost:
                server.reconnect()
            for found in asked():
                contact.made(news())
                if found is not None:
                    yield found
        except LostContact as lost:
            reason = lost.reason
        except Failure as failure:
            if failure.code not in _NOT_NOW:
                raise
            reason = failure.message
        contact.lost(reason)


def newest_offset(server: Client) -> int:
    return int(server.get("/management/status")["last_offset"])


class _Contact:
    """Says on stderr when the server went away and when it came back."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lost_at: float | None = None

    @property
    def is_lost(self) -> bool:
        return self._lost_at is not None

    def made(self, news: str) -> None:
        if self.is_lost:
            output.note(self._options, f"connected again, {news}")
            self._lost_at = None

    def lost(self, reason: str) -> None:
        """Waits a moment. Raises Failure ``unreachable`` when it lasted too long."""
        now = time.monotonic()
        if self._lost_at is None:
            output.note(self._options, f"{reason}; waiting for the server to come back")
            self._lost_at = now
        elif now - self._lost_at > self._options.timeout_seconds:
            raise Failure("unreachable", reason)
        time.sleep(_RETRY_SECONDS)
