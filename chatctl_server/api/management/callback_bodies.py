"""What the routes of callbacks take. Rules that need the database are the actions'."""

from typing import Annotated, Literal

import msgspec

from chatctl_server.api.bodies import UnixTime
from chatctl_server.domain import events
from chatctl_server.views.deliveries import DeliveryObject

Globs = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
PageLimit = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class AddEndpoint(msgspec.Struct, frozen=True):
    url: str
    events: Globs
    secret: str | None = None
    scope: str = "rooms"


class ChangeEndpoint(msgspec.Struct, frozen=True):
    """What is not named stays."""

    url: str | None = None
    events: Globs | None = None
    status: Literal["enabled", "disabled"] | None = None
    secret: str | None = None


class TestEndpoint(msgspec.Struct, frozen=True):
    event: str | None = None


class Recover(msgspec.Struct, frozen=True):
    """Both ends of the time are inclusive."""

    since: UnixTime
    until: UnixTime | None = None
    only: events.RecoveryKind = "failed"
    endpoint_id: str | None = None
    after: str | None = None
    limit: PageLimit = 500
    dry_run: bool = False


class TestsPlanned(msgspec.Struct, frozen=True):
    delivery_ids: list[str]


class Recovered(msgspec.Struct, frozen=True):
    """One page. ``next``: what ``after`` is for the next page; None at the end."""

    count: int
    first: DeliveryObject | None
    last: DeliveryObject | None
    next: str | None
