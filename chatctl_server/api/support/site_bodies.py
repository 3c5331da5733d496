"""What admins send about sites."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.domain.business_hours import DAYS
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage.history_pages import LATEST
from chatctl_server.views.fields import means
from chatctl_server.views.support import sites as views


class GivenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out stays as it is."""

    allowed_origins: views.AllowedOrigins | UnsetType = UNSET
    color: views.Color | UnsetType = UNSET
    greeting: views.Greeting | UnsetType = UNSET
    away_message: views.AwayMessage | UnsetType = UNSET
    asks: views.Asks | UnsetType = UNSET
    locale: views.Locale | UnsetType = UNSET
    assignment: views.Assigns | UnsetType = UNSET
    business_hours: Annotated[
        views.OpeningHours | UnsetType | None, means("When it is open; null: always")
    ] = UNSET
    blocked_visitors: views.BlockedVisitors | UnsetType = UNSET

    def over(self, settings: SiteSettings) -> SiteSettings:
        """Those of a site, with what is given here instead. Raises InvalidInput."""
        given = {**msgspec.to_builtins(settings), **msgspec.to_builtins(self)}
        try:
            return msgspec.convert(given, SiteSettings)
        except msgspec.ValidationError:  # of all else the types are those of what is stored
            raise errors.InvalidInput(
                f"business_hours.days: the days are {', '.join(DAYS)}, each with spans of two "
                'times, as in {"mon": [["09:00", "17:00"]]}',
                field="business_hours.days",
            ) from None


class CreateSite(GivenSettings, frozen=True, kw_only=True):
    name: views.Name
    workspace_id: (
        Annotated[
            int,
            means("The only one that the caller administers unless given", 0, ge=0, le=LATEST),
        ]
        | None
    ) = None


class ChangeSite(GivenSettings, frozen=True, kw_only=True):
    name: views.Name | UnsetType = UNSET


class RotateSiteKey(msgspec.Struct, frozen=True):
    secret: Annotated[bool, means("A new secret, too: no hash of before counts", False)] = False
