"""Who opens a connection to the desk: by headers, the address, a first frame, or nothing at all
under SUPPORT_ACCESS=open."""

from collections.abc import Callable

import msgspec

from chatctl_server import errors
from chatctl_server.api import caller, cors
from chatctl_server.api.access_tokens import signed_in
from chatctl_server.api.authentication import NamedKey
from chatctl_server.api.caller import Caller, Scope
from chatctl_server.api.context import Context
from chatctl_server.api.support import open_access, people
from chatctl_server.api.support.commands import AuthPayload
from chatctl_server.domain import events
from chatctl_server.domain.support import Person
from chatctl_server.storage.sql import Database


class Access(msgspec.Struct, frozen=True):
    """Who was let in. ``find`` makes the person of what the database says at that moment; it raises
    what they are refused with."""

    caller: Caller
    find: Callable[[Database], Person]

    @property
    def account(self) -> int:
        return self.caller.account

    @property
    def login_id(self) -> str:
        return self.caller.login_id

    @property
    def credential(self) -> str:
        return self.caller.credential

    def check_may_write(self) -> None:
        """Raises NotAllowed for a key that only reads."""
        if self.caller.grant is not None:
            self.caller.grant.check("support", is_reading=False)

    def actor(self, address: str) -> events.Actor:
        return msgspec.structs.replace(self.caller.actor(), address=address)


async def admit(context: Context, scope: Scope, token: str | None) -> Access | None:
    """Before the upgrade; ``token``: of the address. None for who shows nothing. Raises
    Unauthorized, TokenRevoked, NotAllowed, Forbidden, Throttled or Stopping."""
    if context.serving.is_stopping:
        raise errors.Stopping("The server stops")
    origin = caller.header(scope, b"origin")
    if origin is None or not context.desk_sites.allows(origin.decode("latin-1")):
        cors.check_origin(scope, context.settings.cors_origins)
    who = await _shown(context, scope, token)
    if who is None:
        if not open_access.applies(context, scope):
            return None
        who = msgspec.structs.replace(
            caller.of(scope), credential=people.OPEN, user_id=people.OPERATOR
        )
    return await _access(context, who)


async def _shown(context: Context, scope: Scope, token: str | None) -> Caller | None:
    here = caller.of(scope)
    keyed = await NamedKey(context.store, context.limits.wrong_keys)(scope, here)
    if keyed is not None:
        return keyed
    if open_access.shows_named_key(scope):
        raise errors.Unauthorized("The key in X-Api-Key is wrong")
    visitor = caller.header(scope, b"x-visitor-token")
    if visitor is not None:
        key = (caller.header(scope, b"x-site-key") or b"").decode("latin-1")
        return await _visitor(context, key, visitor.decode("latin-1"))
    given = caller.bearer(scope) or token
    return None if given is None else _account(context, given, here)


async def admit_frame(context: Context, payload: AuthPayload, address: str) -> Access:
    """By a first frame. Raises Unauthorized, NotAllowed or Banned."""
    if payload.token is not None:
        who = _account(context, payload.token, Caller(address))
    elif payload.site is not None and payload.visitor is not None:
        who = await _visitor(context, payload.site, payload.visitor)
    else:
        raise errors.Unauthorized("Auth takes {token}, or {site, visitor}", field="payload")
    return await _access(context, who)


async def _access(context: Context, who: Caller) -> Access:
    """Raises NotAllowed for who has no role, before anything has begun."""
    context.limits.count_credential(who)
    if who.grant is not None:
        who.grant.check("support", is_reading=True)
    return Access(who, await people.finder(context, who))


def _account(context: Context, token: str, here: Caller) -> Caller:
    if not context.settings.jwt_secret:
        raise errors.Unauthorized("This server has no accounts")
    read = context.access_tokens().read(token)
    context.logins.check(read)
    return signed_in(here, read)


async def _visitor(context: Context, key: str, token: str) -> Caller:
    found = await people.shown_visitor(context, key, token)
    if found is None:
        raise errors.Unauthorized("The visitor's token is none of that site")
    return found
