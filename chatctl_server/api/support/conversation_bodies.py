"""What clients send about conversations of the desk."""

from datetime import datetime
from typing import Annotated

import msgspec

from chatctl_server import errors
from chatctl_server.domain import times
from chatctl_server.views.fields import means


class OpenConversation(msgspec.Struct, frozen=True):
    site_id: Annotated[str | None, means("The site; a visitor's own unless given", "default")] = (
        None
    )
    shop_id: Annotated[str | None, means("The same as `site_id`")] = None
    customer_id: Annotated[
        str | None, means("Whose it is; by an agent, a new one's unless given")
    ] = None
    customer_name: Annotated[str | None, means("What a new customer is called", "Bo")] = None

    @property
    def site(self) -> str | None:
        return self.site_id or self.shop_id


class SetStatus(msgspec.Struct, frozen=True):
    status: Annotated[str, means("`open`, `snoozed` or `closed`; `active` is `open`", "closed")]
    until: Annotated[
        str | None, means("Until when it is snoozed, RFC 3339", "2026-01-02T00:00:00Z")
    ] = None

    def until_microseconds(self) -> int | None:
        """Raises InvalidInput."""
        return None if self.until is None else microseconds(self.until, "until")


class SetAssignee(msgspec.Struct, frozen=True):
    assignee_id: Annotated[
        str | None, means("An agent of the workspace; null: back to the queue", "u2")
    ]


class SetLabels(msgspec.Struct, frozen=True):
    labels: Annotated[list[str], means("All of them, at most 20", ["billing"])]


class SetPriority(msgspec.Struct, frozen=True):
    priority: Annotated[str, means("`low`, `normal`, `high` or `urgent`", "high")]


class Rate(msgspec.Struct, frozen=True):
    score: Annotated[int, means("1 to 5", 5)]
    comment: Annotated[str, means("At most 4,096 bytes", "quick and friendly")] = ""


def microseconds(text: str, field: str) -> int:
    """Of a time with a zone, RFC 3339. Raises InvalidInput."""
    try:
        moment = msgspec.convert(text, type=datetime)
        if moment.tzinfo is None:
            raise ValueError(text)
    except (msgspec.ValidationError, ValueError):
        raise errors.InvalidInput(
            f"{field} must be a time as RFC 3339 has it, such as 2026-01-02T00:00:00Z", field=field
        ) from None
    return times.microseconds(moment)
