"""Who shows the access token of an account."""

import msgspec

from chatctl_server.api import caller
from chatctl_server.api.caller import Caller, Scope
from chatctl_server.domain import accounts
from chatctl_server.domain.access_tokens import AccessToken, AccessTokens
from chatctl_server.live.logins import Logins


class ByAccessToken:
    """In ``Authorization: Bearer``."""

    def __init__(self, tokens: AccessTokens, logins: Logins) -> None:
        self._tokens = tokens
        self._logins = logins

    async def __call__(self, scope: Scope, who: Caller) -> Caller | None:
        given = caller.bearer(scope)
        if given is None:
            return None
        token = self._tokens.read(given)
        self._logins.check(token)
        return signed_in(who, token)


def signed_in(who: Caller, token: AccessToken) -> Caller:
    """Whoever shows that token."""
    return msgspec.structs.replace(
        who,
        credential="account",
        user_id=accounts.user_id(token.account),
        account=token.account,
        login_id=token.login_id,
        is_trusted=False,
    )
