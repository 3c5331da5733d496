"""Endpoints, deliveries and tries as administrators see them. No secret is in any of them."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.domain import times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.settings.table import masked
from chatctl_server.storage import deliveries, endpoints
from chatctl_server.storage.delivery_lists import DeliveryListed, SyncStatusKind

NextStep = Literal["delivered", "retry", "given_up", "skipped"]


class EndpointObject(msgspec.Struct, frozen=True):
    """``url`` without what may be secret in it. Times are Unix seconds."""

    endpoint_id: str
    origin: Literal["settings", "added"]
    kind: EndpointKind
    scope: str
    url: str
    events: tuple[str, ...]
    status: Literal["enabled", "disabled"]
    disabled_reason: str | None
    is_guarded: bool
    has_secret: bool
    secret_overlap_until: int | None
    created_at: int
    failing_since: int | None
    pending: int
    oldest_pending_at: int | None
    failed: int
    oldest_failed_at: int | None
    changed: bool | UnsetType = UNSET


class DeliveryObject(DeliveryListed, frozen=True):
    """Times are Unix seconds."""

    changed: bool | UnsetType = UNSET


class RequestObject(msgspec.Struct, frozen=True):
    """As it would be sent now; ``body`` is None when it cannot be put together."""

    url: str
    headers: dict[str, str]
    body: Any


class AttemptObject(msgspec.Struct, frozen=True):
    """``answer``: the first 4 KiB of it."""

    number: int
    at: int
    latency_ms: float
    status: int | None
    error: str | None
    detail: str | None
    answer: str


class DeliveryDetails(DeliveryListed, frozen=True):
    """Times are Unix seconds."""

    request: RequestObject
    attempts: list[AttemptObject]


class AttemptLine(msgspec.Struct, frozen=True):
    """A line of the stream: a try that begins (``sent``) or has ended (``answered``)."""

    at: str
    delivery_id: str
    endpoint_id: str
    url: str
    kind: EndpointKind
    event: str
    room_id: str | None
    room_name: str | None
    number: int
    mark: str | None
    state: Literal["sent", "answered"]
    status: int | None = None
    error: str | None = None
    latency_ms: float | None = None
    next: NextStep | None = None
    retry_in_seconds: float | None = None


class SyncStatus(msgspec.Struct, frozen=True):
    """How far a kind got in a room. ``delivered_to`` and ``newest``: the ``seq`` of messages, or
    the offsets at which sessions ended."""

    kind: SyncStatusKind
    room_id: str
    room_name: str
    pending: int
    failed: int
    last_delivered_at: int | None
    delivered_to: int | None
    newest: int | None
    lag: int | None


def endpoint(
    stored: endpoints.Endpoint,
    outstanding: deliveries.Outstanding,
    now: int,
    *,
    scope: str,
    has_common_secret: bool,
    changed: bool | UnsetType = UNSET,
) -> EndpointObject:
    """``scope``: its name. ``has_common_secret``: an endpoint without one of its own has that of
    the settings."""
    is_overlapping = stored.previous_until is not None and stored.previous_until > now
    return EndpointObject(
        endpoint_id=stored.public_id,
        origin="added" if stored.is_added else "settings",
        kind=stored.kind,
        scope=scope,
        url=masked(stored.url),
        events=stored.events,
        status="enabled" if stored.status == "enabled" else "disabled",
        disabled_reason=stored.disabled_reason,
        is_guarded=stored.is_guarded,
        has_secret=stored.secret is not None or has_common_secret,
        secret_overlap_until=times.seconds_or_none(stored.previous_until)
        if is_overlapping
        else None,
        created_at=times.seconds(stored.created_at),
        failing_since=times.seconds_or_none(stored.failing_since),
        pending=outstanding.pending,
        oldest_pending_at=times.seconds_or_none(outstanding.oldest_pending_at),
        failed=outstanding.failed,
        oldest_failed_at=times.seconds_or_none(outstanding.oldest_failed_at),
        changed=changed,
    )


def delivery(listed: DeliveryListed, changed: bool | UnsetType = UNSET) -> DeliveryObject:
    return DeliveryObject(**_in_seconds(listed), changed=changed)


def details(
    listed: DeliveryListed, request: RequestObject, tries: list[deliveries.Attempt]
) -> DeliveryDetails:
    attempts = [_attempt(each) for each in tries]
    return DeliveryDetails(**_in_seconds(listed), request=request, attempts=attempts)


def _in_seconds(listed: DeliveryListed) -> dict[str, Any]:
    return msgspec.structs.asdict(listed) | {
        "planned_at": times.seconds(listed.planned_at),
        "finished_at": times.seconds_or_none(listed.finished_at),
        "next_try_at": times.seconds_or_none(listed.next_try_at),
    }


def _attempt(made: deliveries.Attempt) -> AttemptObject:
    return AttemptObject(
        number=made.number,
        at=times.seconds(made.at),
        latency_ms=made.latency / 1000,
        status=made.status,
        error=made.error,
        detail=made.detail,
        answer=(made.answer or b"").decode(errors="replace"),
    )
