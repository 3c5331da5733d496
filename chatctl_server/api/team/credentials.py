"""Passwords are checked, and what a sign-in is answered with is made of it."""

from typing import NamedTuple

from litestar import Response

from chatctl_server import errors
from chatctl_server.actions.logins import IssuedTokens
from chatctl_server.api.context import Context
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team import cookies
from chatctl_server.domain import times
from chatctl_server.storage import passwords
from chatctl_server.views.team import accounts as views


class Shown(NamedTuple):
    """Whose password it is, and its hash: the action that follows asks whether it still counts."""

    account: int
    password_hash: str


async def check_password(context: Context, email: str, password: str, address: str) -> Shown:
    """What is not a wrong password costs no attempt. Raises InvalidCredentials, Throttled, or
    Busy."""
    limits = context.limits.sign_ins
    limits.spend(email, address)
    try:
        account, stored = await context.store.read_live(passwords.of_email, email)
        is_right = await context.passwords.is_right(password, stored, address)
    except errors.ChatctlError:
        limits.give_back(email, address)
        raise
    if stored is None or not is_right:
        raise errors.InvalidCredentials("Invalid credentials")
    limits.give_back(email, address)
    return Shown(account, stored)


def answer(
    request: AnyRequest, context: Context, signed_in: IssuedTokens, status: int
) -> Response[views.Tokens]:
    """Both tokens and, for a page, the cookie."""
    profile = signed_in.profile
    shown = views.user(profile, context.account_streams.status(profile.account.id))
    access = context.access_tokens().mint(
        shown.id, signed_in.login_id, views.claims(shown), times.now() / times.SECOND
    )
    token = signed_in.refresh_token
    headers = cookies.setting(request, context.settings, token) | {"cache-control": "no-store"}
    return Response(views.tokens(access, token, shown), status_code=status, headers=headers)
