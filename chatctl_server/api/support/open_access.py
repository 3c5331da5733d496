"""SUPPORT_ACCESS=open: the desk without credentials, for this machine alone (contract support, 1).

A bare ``proxy_pass`` arrives unmarked, with our own Host: so it is the default only where all
listeners are loopback and the database is in memory.
"""

from chatctl_server.api import caller
from chatctl_server.api.caller import Scope
from chatctl_server.api.context import Context
from chatctl_server.domain.keys import PREFIX
from chatctl_server.domain.sites import LOOPBACK, is_loopback

PROXIED = (
    b"forwarded",
    b"via",
    b"x-real-ip",
)
_FORWARDED = b"x-forwarded-"
_ADDRESSES = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def applies(context: Context, scope: Scope) -> bool:
    """Whether a request may be an agent's without credentials: it could not have come through a
    proxy, nor from a foreign page."""
    if not context.is_support_open or shows_named_key(scope):
        return False
    client = scope.get("client")
    if not client or client[0] not in _ADDRESSES:
        return False
    if any(key in PROXIED or key.startswith(_FORWARDED) for key, _ in scope["headers"]):
        return False
    origin = caller.header(scope, b"origin")
    if origin is not None and not is_loopback(origin.decode("latin-1").lower()):
        return False
    host = (caller.header(scope, b"host") or b"").decode("latin-1").lower()
    return _without_port(host) in LOOPBACK


def shows_named_key(scope: Scope) -> bool:
    """Of a kind that the desk takes: it counts, or the caller is refused."""
    return (caller.header(scope, b"x-api-key") or b"").startswith(PREFIX.encode())


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
