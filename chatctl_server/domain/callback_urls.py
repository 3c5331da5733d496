"""Which URLs a callback can have, and which addresses one may lead to.

Anyone with an API key can add an endpoint, and the server then sends requests from inside the
operator's network. So such a URL may lead to public addresses only, besides those of
CALLBACK_ALLOW_NETWORKS. The URLs of the settings are the operator's own word: ``parse`` is enough.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote

import msgspec

from chatctl_server import errors

IPAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_CHARACTERS = 2048
MOST_HOST_CHARACTERS = 253
DEFAULT_PORTS = {"http": 80, "https": 443}
WHOLE = "write it whole, as in https://example.com/hook"

# The host ends at the first of these (RFC 3986, 3.2). A backslash is none of them: what some
# programs take for a slash stays in the host, where it is refused.
_PARTS = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}\.?")
# A host that ends so is a number to getaddrinfo: 2130706433, 0x7f.1, 127.1 (inet_aton(3)).
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")

# Addresses are given out from 2000::/3 only; everything beside it has a special purpose.
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# What ``is_global`` of the oldest Python we run on does not know, from IANA's registries of
# special-purpose addresses: protocol assignments, 6to4 relays, Teredo, documentation.
_SPECIAL: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/32"),
    IPv6Network("3fff::/20"),
)
# Where clouds hand out a machine's own keys to whoever asks from it, beside the link-local ones.
_METADATA = tuple(map(ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
_LOCALHOST = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class CallbackUrl(msgspec.Struct, frozen=True):
    """``host``: ASCII, in lower case, without brackets. ``target`` is what stands in the request
    line, ``user_info`` what stood before the @, as written. ``address``: the host is one."""

    scheme: str
    host: str
    port: int
    target: str
    user_info: str | None = None
    address: IPAddress | None = None

    @property
    def authority(self) -> str:
        """As in the Host header (RFC 9110, 7.2): without the scheme's own port."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """For people: names no secret that the rest of the URL may hold."""
        return f"{self.scheme}://{self.authority}"


def parse(url: str) -> CallbackUrl:
    """Raises InvalidInput, which names the field ``url``."""
    if len(url) > MOST_CHARACTERS:
        raise _invalid(f"is longer than {MOST_CHARACTERS} characters")
    if not all(letter.isprintable() and letter != " " for letter in url):
        raise _invalid("holds a space or a control character", "in a URL a space is written as %20")
    if not (parts := _PARTS.fullmatch(url)):
        raise _invalid("must begin with http:// or https://", WHOLE)
    scheme, authority, rest = parts[1].lower(), parts[2], parts[3]
    if "#" in rest:
        raise _invalid("has a #fragment, which is never sent", "leave out the # and what follows")
    user_info, at, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    return CallbackUrl(
        scheme,
        host,
        port or DEFAULT_PORTS[scheme],
        _target(rest),
        user_info if at else None,
        _address(host),
    )


def check_url(url: str, allowed: Sequence[Network] = ()) -> CallbackUrl:
    """For a URL that is not the operator's own word. What a name leads to is seen only when it is
    looked up: see ``is_allowed``. Raises InvalidInput, which names the field ``url``."""
    found = parse(url)
    if found.user_info is not None:
        raise _invalid("names a user before the @", "a signing secret shows who is calling")
    if found.address is None and _ENDS_IN_A_NUMBER.fullmatch(found.host):
        raise _invalid(
            f"has the host {found.host}, an unusual way to write an address",
            "write it with four decimal numbers, as in 192.0.2.1",
        )
    places = _LOCALHOST if _is_localhost(found.host) else (found.address,)
    if not any(place is None or is_allowed(place, allowed) for place in places):
        raise _invalid(f"leads to {found.host}, which is not a public address", _hint(places[0]))
    return found


def is_allowed(address: IPAddress, allowed: Sequence[Network] = ()) -> bool:
    meant = _meant(address)
    if any(meant in network or address in network for network in allowed):
        return True
    if meant.version == 6 and meant not in _UNICAST:
        return False
    is_special = meant.is_multicast or any(meant in network for network in _SPECIAL)
    return meant.is_global and not is_special


def _meant(address: IPAddress) -> IPAddress:
    """Where the packets arrive in the end: at the IPv4 address that some IPv6 addresses hold."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _host_and_port(place: str) -> tuple[str, int | None]:
    match = _HOST_AND_PORT.fullmatch(place)
    if not match:
        raise _invalid("has no valid host and port", "an IPv6 address stands in brackets")
    port = int(match[2]) if match[2] else None
    if port is not None and not 1 <= port <= 65535:
        raise _invalid(f"has the port {port}; 1 to 65535 are allowed")
    return _host(match[1]), port


def _host(written: str) -> str:
    if not written:
        raise _invalid("names no host", WHOLE)
    if written.startswith("["):
        return _ipv6(written[1:-1])
    try:
        # Also turns full-width digits and dots into what getaddrinfo would read (RFC 3490).
        host = written.lower().encode("idna").decode().lower()
        _check_labels(host)
    except UnicodeError:
        raise _invalid("has a host that is no valid name") from None
    if len(host) > MOST_HOST_CHARACTERS or not _NAME.fullmatch(host):
        raise _invalid("has a host that is no valid name")
    return host


def _check_labels(host: str) -> None:
    """Raises UnicodeError for an xn-- that stands before nothing. What else it may stand for is not
    for us to say: Python knows the older of the two standards (RFC 3490), not RFC 5891."""
    for label in host.split("."):
        if label.startswith("xn--") and not label[4:].encode().decode("punycode"):
            raise UnicodeError(label)


def _ipv6(written: str) -> str:
    try:
        return str(IPv6Address(written))
    except ValueError:
        raise _invalid("has no IPv6 address between the brackets") from None


def _address(host: str) -> IPAddress | None:
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except ValueError:
        return None


def _target(rest: str) -> str:
    path = rest if rest.startswith("/") else f"/{rest}"
    return "".join(letter if letter.isascii() else quote(letter) for letter in path)


def _is_localhost(host: str) -> bool:
    """RFC 6761, 6.3: such names are loopback whatever a name server says."""
    return f".{host.rstrip('.')}".endswith(".localhost")


def _hint(place: IPAddress | None) -> str:
    """How to allow it; of what hands out keys nothing of the kind."""
    assert place is not None
    meant = _meant(place)
    if meant.is_link_local or meant in _METADATA:
        return "name the receiver's own host: a cloud hands out a machine's keys at such addresses"
    return f"CALLBACK_ALLOW_NETWORKS={ip_network(place)} in the settings would allow it"


def _invalid(problem: str, hint: str | None = None) -> errors.InvalidInput:
    return errors.InvalidInput(f"url {problem}", field="url", hint=hint)
