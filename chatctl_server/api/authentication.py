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
from chatctl_server.domain import keys as rules
from chatctl_server.domain import times
from chatctl_server.storage import keys
from chatctl_server.storage.store import Store

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


class NamedKey:
    """In ``X-Api-Key`` or as a bearer token; its name is the actor of what is done with it.

    It is looked for in the database each time: one that was removed or rotated opens nothing from
    the next request on. An unknown one in ``X-Api-Key`` may be the admin key, which comes behind.
    """

    def __init__(self, store: Store, failures: MinuteLimit) -> None:
        self._store = store
        self._failures = failures

    async def __call__(self, scope: Scope, who: Caller) -> Caller | None:
        in_header = caller.header(scope, b"x-api-key")
        given = caller.bearer(scope) if in_header is None else in_header.decode("latin-1")
        if given is None or not given.startswith(rules.PREFIX):
            return None
        now = times.now()
        found = await self._store.read_live(keys.opening, rules.hashed(given), now)
        if found is None and in_header is not None:
            return None
        if found is None:
            self._failures.check(who.address)
            self._failures.add(who.address)
            raise errors.Unauthorized("The key in Authorization is wrong")
        if found.expires_at is not None and found.expires_at <= now:
            raise errors.Unauthorized(f"The key {found.name} has expired")
        return msgspec.structs.replace(
            who, credential=found.id, user_id=found.name, grant=found.grant
        )


class Credentials(NamedTuple):
    """What opens a face's routes. ``missing`` is told a caller who shows none of it; ``security``
    is what the API's description calls it, ``refuses`` with what its guard answers."""

    authenticators: Callable[["Context"], Sequence[Authenticator]]
    missing: str
    security: Sequence[str] = ()
    refuses: Refusals = refusals.GUARD


KEY_PART = "key_part"  # of a route's ``opt``: which part of the server its named keys are for
_READING = ("GET", "HEAD")


class Guard:
    """A Litestar guard: the first authenticator that knows the caller counts. What a named key
    does not open is refused."""

    def __init__(self, credentials: Credentials, context: "Context") -> None:
        self._authenticators = credentials.authenticators(context)
        self._missing = credentials.missing
        self.refuses = credentials.refuses
        self._limits = context.limits

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        scope = cast("dict[str, Any]", connection.scope)
        seen = caller.of(scope)
        for authenticate in self._authenticators:
            who = await authenticate(scope, seen)
            if who is not None:
                caller.put(scope, who)
                self._limits.count_credential(who)
                if who.grant is not None:
                    is_reading = scope["method"] in _READING
                    who.grant.check(handler.opt.get(KEY_PART), is_reading=is_reading)
                return
        raise errors.Unauthorized(self._missing)

    def __deepcopy__(self, _: object) -> "Guard":
        """The framework copies a face's routes with all they have; failures are counted once."""
        return self


def _operator(context: "Context") -> tuple[Authenticator, ...]:
    failures = context.limits.wrong_keys
    return (
        by_transport,
        NamedKey(context.store, failures),
        AdminKey(context.settings.admin_api_key, failures),
    )


OPERATOR = Credentials(
    _operator,
    "The header X-Api-Key is missing",
    ("ApiKey",),
    (*refusals.GUARD, errors.NotAllowed),
)


async def check_operator(scope: Scope, context: "Context", part: rules.Part, missing: str) -> None:
    """Of a route that no guard is before, which may be open: who shows no credential of an
    operator, or one that does not open that part, is refused. Raises Unauthorized, NotAllowed or
    Throttled."""
    for authenticate in OPERATOR.authenticators(context):
        who = await authenticate(scope, caller.of(scope))
        if who is not None:
            if who.grant is not None:
                who.grant.check(part, is_reading=True)
            return
    raise errors.Unauthorized(missing)
