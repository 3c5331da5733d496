"""Who calls, by what they show: an authenticator for each credential; a face takes some of them."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from chatctl_server import errors
from chatctl_server.api import caller, refusals
from chatctl_server.api.caller import Caller, Scope
from chatctl_server.api.minute_limit import MinuteLimit
from chatctl_server.api.refusals import Refusals

if TYPE_CHECKING:
    from chatctl_server.api.context import Context

# Is given the caller as the edge knows them from the transport. None when its credential is not
# shown; Unauthorized when it is, and is bad.
Authenticator = Callable[[Scope, Caller], Awaitable[Caller | None]]


async def by_transport(_: Scope, who: Caller) -> Caller | None:
    """The local socket, or the command's own process: the edge has seen to it."""
    return who if who.is_trusted else None


class AdminKey:
    """In ``X-Api-Key``; compared in constant time, on bytes.

    The right key passes whatever else came from its address: behind a proxy that is everybody's.
    """

    def __init__(self, keys: Sequence[str], failures: MinuteLimit) -> None:
        self._keys = [key.encode() for key in keys]
        self._failures = failures

    async def __call__(self, scope: Scope, who: Caller) -> Caller | None:
        given = caller.header(scope, b"x-api-key")
        if given is None:
            return None
        is_one = [hmac.compare_digest(given, key) for key in self._keys]  # always all of them
        if not any(is_one):
            self._failures.check(who.address)
            self._failures.add(who.address)
            raise errors.Unauthorized("The key in X-Api-Key is wrong")
        return msgspec.structs.replace(who, credential="api-key")


class Credentials(NamedTuple):
    """What opens a face's routes. ``missing`` is told a caller who shows none of it; ``security``
    is what the API's description calls it, ``refuses`` with what its guard answers."""

    authenticators: Callable[["Context"], Sequence[Authenticator]]
    missing: str
    security: Sequence[str] = ()
    refuses: Refusals = refusals.GUARD


class Guard:
    """A Litestar guard: the first authenticator that knows the caller counts."""

    def __init__(self, credentials: Credentials, context: "Context") -> None:
        self._authenticators = credentials.authenticators(context)
        self._missing = credentials.missing
        self.refuses = credentials.refuses
        self._limits = context.limits

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        scope = cast("dict[str, Any]", connection.scope)
        seen = caller.of(scope)
        for authenticate in self._authenticators:
            who = await authenticate(scope, seen)
            if who is not None:
                caller.put(scope, who)
                self._limits.count_credential(who)
                return
        raise errors.Unauthorized(self._missing)

    def __deepcopy__(self, _: object) -> "Guard":
        """The framework copies a face's routes with all they have; failures are counted once."""
        return self


def _operator(context: "Context") -> tuple[Authenticator, ...]:
    return by_transport, AdminKey(context.settings.admin_api_key, context.limits.wrong_keys)


OPERATOR = Credentials(_operator, "The header X-Api-Key is missing", ("ApiKey",))
