"""Who is there, as the team API shows it."""

from typing import Annotated

import msgspec

from chatctl_server.domain import times
from chatctl_server.views.fields import means


class UserStatus(msgspec.Struct, frozen=True):
    user_id: Annotated[int, means("The user", 1)]
    status: Annotated[str, means("`online`, `away`, `busy` or `offline`", "online")]
    last_seen: Annotated[
        str | None,
        means("When they were last there, RFC 3339; null: never", "2026-01-01T00:00:00.000000Z"),
    ]


def user_status(account: int, status: str, last_seen: int | None) -> UserStatus:
    at = None if last_seen is None else times.rfc3339(last_seen)
    return UserStatus(account, status, at)
