"""Who opens a stream, and from where on: by an access token in the header or, as browsers cannot
set one, in the address."""

from typing import NamedTuple
from urllib.parse import parse_qs

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.access_tokens import signed_in
from chatctl_server.api.caller import Caller, Scope
from chatctl_server.api.context import Context
from chatctl_server.domain.access_tokens import AccessToken

MISSING = "An access token is missing: Authorization: Bearer … or ?access_token=…"


class Admitted(NamedTuple):
    """``after``: the offset up to which the client has everything; None: it begins now."""

    token: AccessToken
    who: Caller
    after: int | None


def admit(context: Context, scope: Scope, given: str | None, position: str | None) -> Admitted:
    """Raises Unauthorized, TokenRevoked, Throttled, InvalidInput, or Stopping."""
    if not given or not context.settings.jwt_secret:
        raise errors.Unauthorized(MISSING)
    token = context.access_tokens().read(given)
    context.logins.check(token)
    who = signed_in(caller.of(scope), token)
    context.limits.count_credential(who)
    if context.serving.is_stopping:
        raise errors.Stopping("The server stops")
    return Admitted(token, who, _offset(position))


def _offset(given: str | None) -> int | None:
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise errors.InvalidInput(
            "Last-Event-ID and since are offsets: whole numbers from 0", field="since"
        )
    return int(given)


def query(scope: Scope) -> dict[str, str]:
    """The first value of each name. Raises InvalidInput."""
    try:
        found = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=100)
    except ValueError as error:
        raise errors.InvalidInput(f"The query cannot be read: {error}", field="query") from None
    return {name: values[0] for name, values in found.items()}
