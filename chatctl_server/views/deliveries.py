"""Endpoints, deliveries and tries as administrators see them. No secret is in any of them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.domain import times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.settings.table import masked
from chatctl_server.storage import deliveries, endpoints
from chatctl_server.storage.delivery_lists import DeliveryListed, SyncStatusKind
from chatctl_server.views import fields
from chatctl_server.views.fields import means

NextStep = Literal["delivered", "retry", "failed", "skipped"]


class EndpointObject(msgspec.Struct, frozen=True):
    """``url`` without what may be secret in it. Times are Unix seconds."""

    endpoint_id: fields.EndpointId
    origin: Annotated[
        Literal["settings", "added"], means("`settings` names it, or it was `added`", "added")
    ]
    kind: Annotated[
        EndpointKind, means("Which callbacks; `events` for an added endpoint", "events")
    ]
    scope: Annotated[
        str,
        means("Whose events it hears of: `rooms`, `workspace:1`, `site:default` or `all`", "rooms"),
    ]
    url: fields.Url
    events: Annotated[
        tuple[str, ...],
        means(
            "Patterns of the types of events that it hears of; empty for one of the settings",
            ["ban.*"],
        ),
    ]
    status: fields.EndpointStatus
    disabled_reason: Annotated[
        str | None, means("Why the server has disabled it; null when it has not")
    ]
    is_guarded: Annotated[bool, means("Whether it may lead to public addresses only", True)]
    has_secret: Annotated[bool, means("Whether its requests are signed", False)]
    secret_overlap_until: Annotated[
        int | None, means("Until then there is a signature by the former secret, Unix seconds")
    ]
    created_at: fields.CreatedAt
    failing_since: Annotated[
        int | None, means("Since when none was delivered, Unix seconds; null when all is well")
    ]
    pending: fields.Pending
    oldest_pending_at: Annotated[
        int | None, means("When the oldest of them was planned, Unix seconds")
    ]
    failed: fields.Failed
    oldest_failed_at: fields.OldestFailedAt
    changed: fields.IsChanged | UnsetType = UNSET


class _Delivery(msgspec.Struct, frozen=True):
    """What the list knows, with times in Unix seconds."""

    delivery_id: fields.DeliveryId
    endpoint_id: fields.EndpointId
    kind: fields.KindOfEndpoint
    event: fields.EventName
    room_id: fields.RoomIdOrNone
    status: Annotated[
        deliveries.Status, means("`pending`, `delivered`, `failed` or `skipped`", "failed")
    ]
    mark: fields.Mark
    number: Annotated[int | None, means("Of a batch: the number in its `batch_id`")]
    tries: Annotated[int, means("How often it was tried", 1)]
    tries_allowed: Annotated[int, means("How often it is tried before it has failed", 1)]
    planned_at: Annotated[int, means("When it was planned, Unix seconds", fields.TIME)]
    finished_at: Annotated[
        int | None, means("When it was delivered or failed, Unix seconds", fields.TIME)
    ]
    next_try_at: Annotated[
        int | None,
        means("When it may be tried, Unix seconds; null: when those before it are finished"),
    ]
    last_status: Annotated[int | None, means("The HTTP status of the newest answer")]
    last_error: Annotated[str | None, means("Why the newest try had no answer", "dns")]


class DeliveryObject(_Delivery, frozen=True):
    changed: fields.IsChanged | UnsetType = UNSET


class RequestObject(msgspec.Struct, frozen=True):
    """As it would be sent now; ``body`` is None when it cannot be put together."""

    url: fields.Url
    headers: Annotated[
        dict[str, str],
        means(
            "By name; a signature is shown as `…`",
            {"content-type": "application/json", "x-chatctl-event": "test"},
        ),
    ]
    body: Annotated[
        Any, means("The JSON; null when it cannot be put together", {"type": "test", "data": {}})
    ]


class AttemptObject(msgspec.Struct, frozen=True):
    """``answer``: the first 4 KiB of it."""

    number: Annotated[int, means("1, 2, 3 and so on", 1)]
    at: Annotated[int, means("When it began, Unix seconds", fields.TIME)]
    latency_ms: fields.Latency
    status: fields.HttpStatus
    error: fields.NoAnswer
    detail: Annotated[str | None, means("One sentence for people", "the name is not known")]
    answer: Annotated[str, means("The first 4 KiB of the answer", "")]


class DeliveryDetails(_Delivery, frozen=True):
    request: Annotated[RequestObject, means("As it would be sent now")]
    attempts: Annotated[list[AttemptObject], means("Each try, the first one first")]


class AttemptLine(msgspec.Struct, frozen=True):
    """A line of the stream: a try that begins (``sent``) or has ended (``answered``)."""

    at: fields.At
    delivery_id: fields.DeliveryId
    endpoint_id: fields.EndpointId
    url: fields.Url
    kind: fields.KindOfEndpoint
    event: fields.EventName
    room_id: fields.RoomIdOrNone
    room_name: Annotated[str | None, means("Its name")]
    number: Annotated[int, means("Of the delivery's tries: 1, 2, 3 and so on", 1)]
    mark: fields.Mark
    state: Annotated[
        Literal["sent", "answered"],
        means("`sent` when a try begins, `answered` when it has ended", "answered"),
    ]
    status: fields.HttpStatus = None
    error: fields.NoAnswer = None
    latency_ms: fields.Latency | None = None
    next: Annotated[
        NextStep | None,
        means("What follows: `delivered`, `retry`, `failed` or `skipped`", "failed"),
    ] = None
    retry_in_seconds: Annotated[float | None, means("Until the next try")] = None


class SyncStatus(msgspec.Struct, frozen=True):
    """How far a kind got in a room. ``delivered_to`` and ``newest``: the ``seq`` of messages, or
    the offsets at which sessions ended."""

    kind: Annotated[SyncStatusKind, means("Which callbacks", "chat_history")]
    room_id: fields.RoomId
    room_name: fields.RoomName
    pending: fields.Pending
    failed: fields.Failed
    last_delivered_at: Annotated[
        int | None, means("When one was delivered last, Unix seconds", fields.TIME + 60)
    ]
    delivered_to: Annotated[
        int | None,
        means("Of a history: the `seq`, or the offset, of the last record that has arrived", 2),
    ]
    newest: Annotated[int | None, means("Of a history: that of the newest record there is", 3)]
    lag: Annotated[int | None, means("Of a history: how many records have not arrived", 1)]


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
    until = stored.previous_until
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
        secret_overlap_until=None if until is None or until <= now else times.seconds(until),
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
