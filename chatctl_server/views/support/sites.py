"""A site as its workspace's agents see it; with its secret, as admins do."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.domain import times
from chatctl_server.domain.support_events import Asked, Assignment
from chatctl_server.storage.sites import Site
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields

ORIGIN = "https://shop.example.org"
Name = Annotated[str, means("Shown to visitors, 1 to 100 characters", "The shop")]
AllowedOrigins = Annotated[
    list[str],
    means(
        "Whose pages may show the widget: `scheme://host[:port]`, `*.` for every host below one; "
        "empty: those of this machine alone",
        [ORIGIN],
    ),
]
Color = Annotated[str, means("The widget's colour", "#2563eb")]
Greeting = Annotated[str, means("What the widget shows first, at most 4,096 bytes", "Hello!")]
AwayMessage = Annotated[
    str,
    means("What a customer is answered outside of business hours; empty: nothing", "Back at 9."),
]
Asks = Annotated[
    list[Asked], means("What the widget asks for before a first message: name, email", ["name"])
]
Locale = Annotated[
    Literal["zh", "en"] | None, means("The widget's language; null: the browser's", "en")
]
Assigns = Annotated[
    Assignment,
    means("`round_robin`: a new conversation goes to an agent who is there", "manual"),
]
BlockedVisitors = Annotated[
    list[str], means("Customers who may neither write nor read, at most 1,000", [fields.CUSTOMER])
]
KEY = "pk_" + "0123456789abcdef" * 2
Key = Annotated[str, means("Stands in the pages; nothing secret", KEY)]


class OpeningHours(msgspec.Struct, frozen=True):
    timezone: Annotated[str, means("As the IANA database has it", "Europe/Berlin")]
    days: Annotated[
        dict[str, list[list[str]]],
        means(
            "`mon` to `sun`, of each its spans; a day that is left out is closed",
            {"mon": [["09:00", "12:00"], ["13:00", "17:30"]]},
        ),
    ]


class SiteObject(msgspec.Struct, frozen=True):
    id: fields.SiteId
    site_id: Annotated[str, means("The same as `id`", "default")]
    shop_id: Annotated[str, means("The same as `id`", "default")]
    workspace_id: Annotated[int, means("Whose site it is", 0)]
    name: Name
    key: Key
    allowed_origins: AllowedOrigins
    color: Color
    greeting: Greeting
    away_message: AwayMessage
    asks: Asks
    locale: Locale
    assignment: Assigns
    business_hours: Annotated[OpeningHours | None, means("When it is open; null: always")]
    blocked_visitors: BlockedVisitors
    created_at: Annotated[str, means("RFC 3339", "2026-01-01T00:00:00.000000Z")]
    updated_at: Annotated[str, means("RFC 3339", "2026-01-01T00:00:00.000000Z")]
    secret: Annotated[
        str | UnsetType, means("Signs `identity_hash`; to admins alone", "5ec2e7" * 10 + "0001")
    ] = UNSET


def site(found: Site, blocked: Sequence[str], secret: str | None) -> SiteObject:
    """``secret``: None leaves it out."""
    settings, hours = found.settings, found.settings.business_hours
    return SiteObject(
        id=found.id,
        site_id=found.id,
        shop_id=found.id,
        workspace_id=found.ref.workspace,
        name=settings.name,
        key=found.key,
        allowed_origins=list(settings.allowed_origins),
        color=settings.color,
        greeting=settings.greeting,
        away_message=settings.away_message,
        asks=list(settings.asks),
        locale=settings.locale,
        assignment=settings.assignment,
        business_hours=None
        if hours is None
        else msgspec.convert(hours, OpeningHours, from_attributes=True),
        blocked_visitors=list(blocked),
        created_at=times.rfc3339(found.created_at),
        updated_at=times.rfc3339(found.updated_at),
        secret=UNSET if secret is None else secret,
    )
