"""Accounts as operators see them, and what erasing one takes."""

from typing import Annotated

import msgspec

from chatctl_server.domain import times
from chatctl_server.storage.accounts import Profile
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts as views
from chatctl_server.views.team.fields import CODE


class ManagedAccount(views.User, frozen=True):
    operator: Annotated[bool, means("Whether it may manage the server", False)]
    is_erased: Annotated[bool, means("Whether it was erased: nobody signs in as it again", False)]


class ResetLink(msgspec.Struct, frozen=True):
    code: Annotated[str, means("What sets a password, once; it is shown here alone", CODE)]
    url: Annotated[
        str, means("A link for people; what is behind # no server sees", f"/#reset={CODE}")
    ]
    expires_at: Annotated[str, means("When it ends, RFC 3339", "2026-01-01T01:00:00.000000Z")]


class Erasure(msgspec.Struct, frozen=True):
    """What was erased or, with ``dry_run``, would be."""

    changed: fields.IsChanged
    messages: Annotated[int, means("Messages whose texts and sender's name go", 2)]
    chats: Annotated[int, means("Chats that it leaves", 1)]
    workspaces: Annotated[int, means("Workspaces that it leaves", 1)]
    sessions: Annotated[int, means("Sessions that end", 1)]


def account(profile: Profile, presence: views.Presence) -> ManagedAccount:
    shown = views.user(profile, presence)
    row = profile.account
    return ManagedAccount(
        **msgspec.structs.asdict(shown),
        operator=bool(row.is_operator),
        is_erased=row.status == "erased",
    )


def reset_link(code: str, expires_at: int, base: str) -> ResetLink:
    """``base``: where people reach the server."""
    return ResetLink(code, f"{base.rstrip('/')}/#reset={code}", times.rfc3339(expires_at))
