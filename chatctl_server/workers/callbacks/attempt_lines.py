"""A try as a line of the live stream."""

import msgspec

from chatctl_server.domain import callbacks, event_id, times
from chatctl_server.settings.table import masked
from chatctl_server.views.deliveries import AttemptLine, NextStep
from chatctl_server.workers.callbacks.attempt_log import AttemptProgress

NEXT: dict[type[callbacks.Verdict], NextStep] = {
    callbacks.Delivered: "delivered",
    callbacks.Again: "retry",
    callbacks.GivenUp: "failed",
    callbacks.Skipped: "skipped",
}


def line(told: AttemptProgress, at: int) -> bytes:
    """``at`` in microseconds."""
    delivery, verdict = told.rendered.delivery, told.verdict
    made = AttemptLine(
        at=times.rfc3339(at),
        delivery_id=event_id.make(delivery.planned_at, delivery.id),
        endpoint_id=told.endpoint.public_id,
        url=masked(told.endpoint.url),
        kind=told.endpoint.kind,
        event=delivery.event,
        room_id=told.rendered.room_id,
        room_name=told.rendered.room_name,
        number=told.number,
        mark=delivery.mark,
        state="sent" if told.outcome is None else "answered",
    )
    if told.outcome is not None:
        made = msgspec.structs.replace(
            made,
            status=told.outcome.status,
            error=told.outcome.error,
            latency_ms=told.outcome.latency / 1000,
            next=None if verdict is None else NEXT[type(verdict)],
            retry_in_seconds=_retry_in_seconds(verdict),
        )
    return msgspec.json.encode(made) + b"\n"


def _retry_in_seconds(verdict: callbacks.Verdict | None) -> float | None:
    return verdict.delay / times.SECOND if isinstance(verdict, callbacks.Again) else None
