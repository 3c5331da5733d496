"""Following the log: facts as they come, across restarts of the server."""

import time
from collections.abc import Iterator

from chatctl import output
from chatctl.client import Client, Json, LostContact, Params
from chatctl.failures import Failure
from chatctl.options import Options

_PATH = "/management/events/stream"
_RETRY_SECONDS = 0.25
# A server that is going down or coming up says so; it is asked again like one that is away.
_NOT_NOW = ("busy", "storage_unavailable", "lock_held", "unreachable", "no_server", "timed_out")


def follow(options: Options, server: Client, query: Params, after: int) -> Iterator[Json]:
    """Facts above the offset ``after``, each once. Ends never; raises Failure ``unreachable``
    when there was no contact for the time of ``--timeout``."""
    lost_at: float | None = None
    while True:
        try:
            for fact in server.follow(_PATH, {**query, "after": after}):
                if lost_at is not None:
                    output.note(options, f"connected again, going on after offset {after}")
                    lost_at = None
                after = int(fact["offset"])
                yield fact
            continue
        except LostContact as lost:
            reason = lost.reason
        except Failure as failure:
            if failure.code not in _NOT_NOW:
                raise
            reason = failure.message
        lost_at = _waited(options, reason, lost_at)
        _look_again(server)


def newest_offset(server: Client) -> int:
    return int(server.get("/management/status")["last_offset"])


def _waited(options: Options, reason: str, lost_at: float | None) -> float:
    """When contact was lost, after a moment's wait for it."""
    now = time.monotonic()
    if lost_at is None:
        output.note(options, f"{reason}; waiting for the server to come back")
        lost_at = now
    elif now - lost_at > options.timeout_seconds:
        raise Failure("unreachable", reason)
    time.sleep(_RETRY_SECONDS)
    return lost_at


def _look_again(server: Client) -> None:
    try:
        server.reconnect()
    except Failure as failure:
        if failure.code not in _NOT_NOW:
            raise
