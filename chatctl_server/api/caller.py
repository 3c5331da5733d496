"""Who is calling: from the transport and from what they show, never from the body."""

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address
from typing import Any

import msgspec

from chatctl_server.domain import events
from chatctl_server.domain.keys import Grant
from chatctl_server.settings.values import Network

Scope = Mapping[str, Any]
FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")
KEY = "chatctl.caller"


class Caller(msgspec.Struct, frozen=True):
    """``credential`` is what showed who they are, empty as long as nothing has. ``is_trusted``: it
    was the transport, no key is asked for. ``account`` and ``login_id``: of an access token.
    ``grant``: what a named key opens; with None all is open that its credential is for."""

    address: str
    credential: str = ""
    user_id: str | None = None
    is_trusted: bool = False
    account: int = 0
    login_id: str = ""
    grant: Grant | None = None

    def actor(self) -> events.Actor:
        return events.Actor(self.user_id, self.credential, self.address or None)


def of(scope: Scope) -> Caller:
    caller = scope[KEY]
    assert isinstance(caller, Caller)
    return caller


def put(scope: MutableMapping[str, Any], who: Caller) -> None:
    scope[KEY] = who


def header(scope: Scope, name: bytes) -> bytes | None:
    """The last header of that name: the one nearest to us."""
    found = None
    for key, value in scope["headers"]:
        if key == name:
            found = value
    return found


def bearer(scope: Scope) -> str | None:
    """The token in ``Authorization: Bearer`` (RFC 6750), None for another scheme or none."""
    scheme, _, token = (header(scope, b"authorization") or b"").partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    return token.strip().decode("latin-1")


def has_forwarded_header(scope: Scope) -> bool:
    return any(key in FORWARDED for key, _ in scope["headers"])


def address(scope: Scope, trusted_proxies: tuple[Network, ...]) -> str:
    """The client's address; X-Forwarded-For counts only as far as trusted proxies wrote it."""
    client = scope.get("client")
    seen = client[0] if client else ""
    if not trusted_proxies or not is_in(seen, trusted_proxies):
        return seen
    lines = [value for key, value in scope["headers"] if key == b"x-forwarded-for"]
    hops = b",".join(lines).decode("latin-1").split(",")
    for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
        seen = hop
        if not is_in(hop, trusted_proxies):
            break
    return seen


def is_https(scope: Scope, trusted_proxies: tuple[Network, ...]) -> bool:
    """Also by the word of a trusted proxy."""
    client, scheme = scope.get("client"), str(scope.get("scheme", "http")).encode()
    if client and is_in(client[0], trusted_proxies):
        told = header(scope, b"x-forwarded-proto") or scheme
        scheme = told.rpartition(b",")[2].strip()
    return scheme == b"https"


def is_in(text: str, networks: tuple[Network, ...]) -> bool:
    """What is no address is in none."""
    if not networks:
        return False
    try:
        parsed = ip_address(text)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)
