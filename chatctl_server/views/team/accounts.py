"""Users and login sessions as the team API shows them."""

from typing import Annotated, Any, Literal

import msgspec

from chatctl_server.domain import times
from chatctl_server.domain.access_tokens import SECONDS
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.accounts import Profile
from chatctl_server.storage.logins import Login
from chatctl_server.views import fields
from chatctl_server.views.fields import means

Presence = Literal["online", "away", "busy", "offline"]
SESSION = "019b76da-a800-7000-8000-000000000004"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sFb0"  # noqa: S105  an example
REFRESH_TOKEN = "Jm0dPq6nWfYk3sV9xT2bRz8aLh5cEu1oGi7wNy4tKQA"  # noqa: S105  an example

UserId = Annotated[int, means("The user's number in this server", 1)]
Fullname = Annotated[str, means("Shown to people, 1 to 128 characters", "Anna Asher")]
Email = Annotated[
    str,
    means("With one `@`, at most 255 characters; unique, whatever its case", "anna@example.org"),
]
RoleName = Annotated[Role, means("`owner`, `admin`, `agent` or `member`", "member")]
SessionId = Annotated[str, means("The session: a UUID, the `sid` of its tokens", SESSION)]
WorkspaceId = Annotated[int, means("The workspace's number; 0 is there from the beginning", 0)]
AccessToken = Annotated[str, means("The access token, for `Authorization: Bearer`", TOKEN)]
RefreshToken = Annotated[
    str, means("What gets the next pair of tokens, once; also in the cookie", REFRESH_TOKEN)
]


class User(msgspec.Struct, frozen=True):
    """``workspace_id`` and ``role``: of the workspace that was asked, else of the home."""

    id: UserId
    fullname: Fullname
    email: Annotated[str | None, means("The e-mail; null for a bot, and where it was erased")]
    avatar: Annotated[str | None, means("The URL of a picture")]
    status: Annotated[
        Literal["Active", "Suspended"], means("`Active`, or `Suspended`: cannot sign in", "Active")
    ]
    created_at: fields.At
    updated_at: fields.At
    workspace_id: Annotated[
        int | None, means("The workspace that was asked, else the home; null: in none")
    ]
    role: Annotated[Role | None, means("The role in that workspace; null: in none")]
    presence: Annotated[Presence, means("`online`, `away`, `busy` or `offline`", "offline")]
    last_seen: Annotated[str | None, means("When the last live stream ended; null: never")]
    is_bot: Annotated[bool, means("Whether it is a program's account", False)]


class Tokens(msgspec.Struct, frozen=True):
    """Both documents' names for the access token."""

    token: AccessToken
    access_token: AccessToken
    refresh_token: RefreshToken
    expires_in: Annotated[int, means("Seconds until the access token is over", SECONDS)]
    user: Annotated[User, means("Who has signed in")]


class LoginSession(msgspec.Struct, frozen=True):
    """A login session; ``is_current``: it is that of the token that asked."""

    sid: SessionId
    user_agent: Annotated[str | None, means("What its client said that it is")]
    address: Annotated[str | None, means("From where it was used last")]
    created_at: fields.At
    last_used_at: Annotated[str, means("When it last got tokens", "2026-01-01T00:00:00.000000Z")]
    expires_at: Annotated[
        str, means("When it ends unless it gets tokens", "2026-01-15T00:00:00.000000Z")
    ]
    is_current: Annotated[bool, means("Whether it is the one that asks", True)]


def session(login: Login, current: str) -> LoginSession:
    return LoginSession(
        sid=login.id,
        user_agent=login.user_agent,
        address=login.address,
        created_at=times.rfc3339(login.created_at),
        last_used_at=times.rfc3339(login.last_used_at),
        expires_at=times.rfc3339(login.expires_at),
        is_current=login.id == current,
    )


def user(profile: Profile, presence: Presence) -> User:
    account = profile.account
    return User(
        id=account.id,
        fullname=account.fullname,
        email=account.email,
        avatar=account.avatar,
        status="Active" if account.status == "active" else "Suspended",
        created_at=times.rfc3339(account.created_at),
        updated_at=times.rfc3339(account.updated_at),
        workspace_id=profile.workspace,
        role=profile.role,
        presence=presence,
        last_seen=times.rfc3339_or_none(profile.last_seen),
        is_bot=bool(account.is_bot),
    )


def claims(shown: User) -> dict[str, Any]:
    """What access tokens say of their user, for older readers."""
    names = ("id", "workspace_id", "fullname", "email", "status", "created_at")
    return {name: getattr(shown, name) for name in names}


def tokens(access_token: str, refresh_token: str, shown: User) -> Tokens:
    return Tokens(access_token, access_token, refresh_token, SECONDS, shown)
