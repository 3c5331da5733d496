"""What the routes of callbacks take. Rules that need the database are the actions'."""

from typing import Annotated

import msgspec

from chatctl_server.api.bodies import UnixTime
from chatctl_server.domain import events
from chatctl_server.views import fields
from chatctl_server.views.deliveries import DeliveryObject
from chatctl_server.views.fields import means

SendTo = Annotated[str, means("Where to send: `http` or `https`", "https://hooks.example/chat")]
Globs = Annotated[
    tuple[str, ...],
    means(
        "Patterns of types of events, such as `message.*`", ["ban.*"], min_length=1, max_length=50
    ),
]
Secret = Annotated[
    str, means("Signs the requests: base64 of 24 to 64 bytes, with or without `whsec_` before it")
]


class AddEndpoint(msgspec.Struct, frozen=True):
    url: SendTo
    events: Globs
    secret: Secret | None = None
    scope: Annotated[
        str, means("Whose events: `rooms`, `all`, `workspace:` or `site:` and its number", "rooms")
    ] = "rooms"


class ChangeEndpoint(msgspec.Struct, frozen=True):
    """What is not named stays."""

    url: SendTo | None = None
    events: Globs | None = None
    status: fields.EndpointStatus | None = None
    secret: Secret | None = None


class TestEndpoint(msgspec.Struct, frozen=True):
    event: Annotated[str | None, means("Only a sample of this one", "test")] = None


class Recover(msgspec.Struct, frozen=True):
    """Both ends of the time are inclusive."""

    since: Annotated[
        UnixTime,
        means("What happened, or was planned, from this time on, Unix seconds", fields.TIME),
    ]
    until: Annotated[UnixTime, means("Up to this time, Unix seconds")] | None = None
    only: Annotated[events.RecoveryKind, means("`failed`, `missing`, or `all`", "failed")] = (
        "failed"
    )
    endpoint_id: Annotated[
        str | None, means("Only of this endpoint; without it, of all enabled ones")
    ] = None
    after: Annotated[str | None, means("The `next` of the page before")] = None
    limit: Annotated[int, means("Deliveries of a page", ge=1, le=1000)] = 500
    dry_run: fields.DryRun = False


class TestsPlanned(msgspec.Struct, frozen=True):
    delivery_ids: Annotated[list[str], means("One for each sample", [fields.DELIVERY])]


class Recovered(msgspec.Struct, frozen=True):
    """One page. ``next``: what ``after`` is for the next page; None at the end."""

    count: Annotated[int, means("Deliveries of this page", 0)]
    first: Annotated[DeliveryObject | None, means("The first of them")]
    last: Annotated[DeliveryObject | None, means("The last of them")]
    next: Annotated[str | None, means("What `after` is for the next page; null at the end")]
    due_now: Annotated[
        int, means("Rooms, at each endpoint, whose callbacks waited for a retry that comes now", 0)
    ] = 0
