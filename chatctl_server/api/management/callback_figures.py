"""What has not arrived of the callbacks: for the status, the health and the metrics."""

from collections.abc import Sequence
from typing import NamedTuple, get_args

from chatctl_server.api.metrics import Metrics
from chatctl_server.domain import times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.storage import deliveries, endpoints
from chatctl_server.storage.deliveries import Outstanding
from chatctl_server.storage.sql import Database

# From when on a pending one, and until when one that failed, is trouble.
LONGEST_WAIT = 5 * 60 * times.SECOND
FAILURE_COUNTS = 3600 * times.SECOND


class Receiving(NamedTuple):
    """An endpoint, and what has not arrived there."""

    kind: EndpointKind
    is_enabled: bool
    outstanding: Outstanding


def read(db: Database) -> list[Receiving]:
    """A query, of those that are there."""
    found = deliveries.outstanding(db)
    return [
        Receiving(each.kind, each.status == "enabled", found.get(each.id, Outstanding()))
        for each in endpoints.present(db)
    ]


def in_all(receiving: Sequence[Receiving]) -> Outstanding:
    return deliveries.in_all(each.outstanding for each in receiving)


def trouble(receiving: Sequence[Receiving]) -> str | None:
    """With the command that helps; None when all is well. What waits for an endpoint that is
    disabled is no trouble."""
    waiting = in_all([each for each in receiving if each.is_enabled])
    now = times.now()
    if waiting.last_failure_at is not None and now - waiting.last_failure_at < FAILURE_COUNTS:
        since = times.rfc3339(waiting.oldest_failed_at or 0)
        return f"{waiting.failed} failed: chatctl callbacks recover --since {since}"
    oldest = waiting.oldest_pending_at
    if oldest is not None and now - oldest > LONGEST_WAIT:
        minutes = (now - oldest) // (60 * times.SECOND)
        return f"{waiting.pending} pending, the oldest for {minutes} min: chatctl callbacks ls"
    return None


def measure(metrics: Metrics, receiving: Sequence[Receiving]) -> None:
    for kind in get_args(EndpointKind):
        found = in_all([each for each in receiving if each.kind == kind])
        oldest = found.oldest_pending_at
        seconds = 0 if oldest is None else max(0, times.now() - oldest) / times.SECOND
        metrics.callback_backlog.labels(kind).set(found.pending)
        metrics.callback_oldest_pending_seconds.labels(kind).set(seconds)
        metrics.callback_failed.labels(kind).set(found.failed)
