"""What the text of one setting may be, and the value it stands for.

A ``ValueType`` parses the text and raises ``ValueRefused`` with the end of a sentence that starts
with the value. Nothing here knows a setting's name or its source: ``sources`` puts those in front.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args
from urllib.parse import SplitResult, urlsplit

import msgspec

from chatctl_server.domain import signatures

T = TypeVar("T")
Network = IPv4Network | IPv6Network

AREAS = (
    "server",
    "api",
    "rooms",
    "team",
    "support",
    "sync",
    "callbacks",
    "storage",
    "audit",
    "access",
)
LEVELS = ("debug", "info", "warning", "error")
_LEVEL_ALIASES = {"trace": "debug", "warn": "warning", "off": "error"}
# The crate names of the original, which its users have in RUST_LOG.
_RUST_PATHS = {"sync": ("sync", "callbacks"), "callback": ("callbacks",)}
_RUST_CRATES = ("chat_server", "rust_demo", "chatctl", "chatctl_server")


class ValueRefused(Exception):
    """``problem`` continues the value: ``is not a whole number``."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


class ValueType(NamedTuple):
    parse: Callable[[str], object]
    allowed: str
    is_secret: bool = False


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


DIGITS = 18
MOST = 10**DIGITS - 1
OFF = "off"  # beside a number's range: what 0 means


def of(annotation: Any) -> ValueType:
    """Of a field: the one in its annotation, or msgspec's conversion of its words or numbers."""
    kind, about = annotation.__origin__, annotation.__metadata__
    for each in about:
        if isinstance(each, ValueType):
            return each
    words = [w for part in (kind, *get_args(kind)) for w in get_args(part) if isinstance(w, str)]
    if words:
        return ValueType(partial(_choice, kind, words), ", ".join(words))
    return ValueType(partial(_number, annotation), _range(about[0], OFF in about))


def _choice(kind: Any, words: Sequence[str], text: str) -> object:
    try:
        return msgspec.convert(text.lower(), kind)
    except msgspec.ValidationError:
        raise ValueRefused("is not one of them", did_you_mean(text.lower(), words)) from None


def _number(annotation: Any, text: str) -> object:
    try:
        return msgspec.convert(re.sub(r"^\+?0*(?=[0-9])", "", text), annotation, strict=False)
    except msgspec.ValidationError:
        raise ValueRefused("cannot be used") from None


def _range(meta: msgspec.Meta, off: bool) -> str:
    least = f"a whole number, {meta.ge}{' (off)' if off else ''}"
    if meta.le == MOST:
        return f"{least} or more, of {DIGITS} digits at most"
    return f"{least} to {meta.le}"


def _token_secret(text: str) -> None:
    if len(text.encode()) < 32:
        raise ValueRefused("is shorter than 32 bytes", "openssl rand -hex 32 writes a good one")


def _each(parts: list[str], parse: Callable[[str], Any]) -> tuple[str, ...]:
    """A problem names its secret by its place: none is ever shown."""
    for place, part in enumerate(parts, 1):
        try:
            parse(part)
        except ValueRefused as refused:
            where = f"(number {place} of {len(parts)}) " if len(parts) > 1 else ""
            raise ValueRefused(f"{where}{refused.problem}", refused.hint) from None
    return _unique(parts)


def _signing_secret(text: str) -> None:
    try:
        signatures.key(text)
    except signatures.BadSecret as bad:
        raise ValueRefused(str(bad), signatures.FIX) from None


def _url(text: str) -> str:
    parts = _split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueRefused(
            "is not an http address", "write it whole, as in http://127.0.0.1:8000/hook"
        )
    if re.search(r"\s", text) or parts.fragment:
        raise ValueRefused("holds a space or a #fragment")
    return text


def _base_url(text: str) -> str:
    """Paths are put behind it."""
    parts = _split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueRefused(
            "is not an http address", "write it whole, as in https://chat.example.com"
        )
    if re.search(r"[\s?#]", text):
        raise ValueRefused("holds a space, a ?query or a #fragment")
    return text.rstrip("/")


def _switch(text: str) -> bool:
    words = {"true": True, "false": False}
    if text.lower() not in words:
        raise ValueRefused("is not one of them", "write true or false")
    return words[text.lower()]


def _split_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no number or above 65535
    except ValueError:
        raise ValueRefused("is not an address") from None
    return parts


def _origins(text: str) -> tuple[str, ...]:
    if text == "*":
        return ("*",)
    return _unique(_origin(part) for part in _parts(text))


def _origin(text: str) -> str:
    if text == "*":
        raise ValueRefused("mixes * with single origins", "leave out either")
    parts = _split_url(text)
    if not parts.scheme or not parts.hostname or "@" in parts.netloc:
        raise ValueRefused(
            "is not a list of origins", "an origin looks like https://chat.example.com"
        )
    if parts.path or parts.query or parts.fragment:
        raise ValueRefused(
            "names a path; an origin has none", f"write {parts.scheme}://{parts.netloc}"
        )
    # Browsers leave the default port out of the Origin header.
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.netloc.lower()
    return f"{parts.scheme}://{host.removesuffix(f':{default}') if default else host}"


def _networks(text: str) -> tuple[Network, ...]:
    return _unique(_network(part) for part in _parts(text))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueRefused(f"holds {text[:50]!r}, which is no network") from None
    raise ValueRefused(f"has bits set to the right of the prefix in {text}", f"write {meant}")


def _addresses(text: str) -> tuple[Address, ...]:
    addresses = [_address(part) for part in _parts(text)]
    fixed = [address for address in addresses if address.port]
    if len(set(fixed)) < len(fixed):
        raise ValueRefused("names one address twice")
    return tuple(addresses)


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host:
        is_port = colon or port.isdigit()
        meant = f"127.0.0.1:{port or 3000}" if is_port else f"{port or '127.0.0.1'}:3000"
        raise ValueRefused("names no host and port", f"write {meant}")
    if ":" in host and not bracketed:
        raise ValueRefused("needs brackets around the IPv6 address", "write it as in [::1]:3000")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueRefused("names no port", "a port is 0 (any free one) to 65535")
    return Address(_ipv6(host[1:-1]) if bracketed else _host(host), int(port))


def _ipv6(text: str) -> str:
    try:
        IPv6Address(text)
    except ValueError:
        raise ValueRefused("holds no IPv6 address between the brackets") from None
    return text


def _host(text: str) -> str:
    if re.fullmatch(r"[0-9.]+", text):
        try:
            ip_address(text)
        except ValueError:
            raise ValueRefused("holds no valid IPv4 address") from None
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
        raise ValueRefused("holds no valid host name", "write host:port, as in 127.0.0.1:3000")
    return text


def _log_level(text: str) -> str:
    """Canonical: the general level first, then the areas in their order."""
    general, areas = "info", {}
    for part in _parts(text.lower()):
        area, equals, level = part.partition("=")
        level = _LEVEL_ALIASES.get(level if equals else area, level if equals else area)
        if level not in LEVELS:
            raise ValueRefused(f"names no level in {part[:50]!r}", did_you_mean(level, LEVELS))
        if not equals:
            general = level
        elif area in AREAS:
            areas[area] = level
        else:
            raise ValueRefused(f"names no area in {part[:50]!r}", did_you_mean(area, AREAS))
    return _joined_level(general, areas)


def _joined_level(general: str, areas: dict[str, str]) -> str:
    return ",".join([general, *(f"{area}={areas[area]}" for area in AREAS if area in areas)])


def rust_log(text: str) -> str:
    """What ``RUST_LOG`` says about us, as a LOG_LEVEL.

    Other programs read the variable, too: what is not ours is skipped and nothing is an error.
    """
    general = "info"
    areas: dict[str, str] = {}
    for part in _parts(text.lower().partition("/")[0]):
        target, equals, level = part.partition("=")
        level = _LEVEL_ALIASES.get(level, level) if equals else "debug"
        bare = _LEVEL_ALIASES.get(target, target)
        path = target.rpartition("::")[2]
        meant = [each for each in _RUST_PATHS.get(path, (path,)) if each in AREAS]
        if not equals and bare in LEVELS:
            general = bare
        elif level in LEVELS and meant:
            areas |= dict.fromkeys(meant, level)
        elif level in LEVELS and target in _RUST_CRATES:
            general = level
    return _joined_level(general, areas)


def _database(text: str) -> str:
    parse_database(text)
    return text


def parse_database(text: str) -> Path | None:
    """The file a DATABASE_URL names, as written; None is the database in memory."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme in ("postgresql", "postgres"):
        raise ValueRefused(
            "needs PostgreSQL, which is not built yet", "use a file, as in sqlite:./chat.db"
        )
    if not colon or scheme != "sqlite":
        hint = f"write sqlite:{text}" if re.fullmatch(r"[\w./-]+", text) else None
        raise ValueRefused("does not start with sqlite:", hint)
    directory, slash, name = rest.rpartition("/")
    name, query, options = name.partition("?")
    if query and options not in ("mode=rwc", "mode=rw"):
        raise ValueRefused("has options after a ?, which have no meaning here", "leave them out")
    rest = f"{directory}{slash}{name}"
    if rest.lstrip("/") == ":memory:":
        return None
    return _database_file(rest)


def _database_file(rest: str) -> Path:
    if rest.startswith("///"):
        rest = "/" + rest.lstrip("/")
    elif rest.startswith("//"):
        name = rest[2:].removeprefix("./")
        name = name if re.fullmatch(r"[\w./-]+", name) else "chat.db"
        raise ValueRefused(
            "has two slashes, which could mean either of two files",
            f"write sqlite:./{name} (this directory) or sqlite:///{name} (from the root)",
        )
    if not rest or rest.endswith(("/", "/.", "/..")) or rest in (".", ".."):
        raise ValueRefused("names no file", "write sqlite:./chat.db")
    if rest.startswith("~/"):
        return Path.home() / rest[2:]
    return Path(rest)


def _parts(text: str) -> list[str]:
    return [part for raw in text.split(",") if (part := raw.strip())]


def _unique(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    close = get_close_matches(word, list(words), n=1)
    return f"did you mean {close[0]}?" if close else None


DATABASE = ValueType(_database, "sqlite::memory:, sqlite:./file.db or sqlite:///abs/file.db")
ADDRESSES = ValueType(_addresses, "host:port, or several with commas between them")
URL = ValueType(_url, "an http:// or https:// address")
BASE_URL = ValueType(_base_url, "an http:// or https:// address without a query")
SWITCH = ValueType(_switch, "true, false")
TEXT = ValueType(str, "any text")
ORIGINS = ValueType(_origins, "*, or origins as in https://chat.example.com,https://example.com")
NETWORKS = ValueType(_networks, "networks as in 10.0.0.0/8,fd00::/8, with commas between them")
LOG_LEVEL = ValueType(
    _log_level,
    f"a level ({', '.join(LEVELS)}), then area=level for {', '.join(AREAS)}, as in info,sync=debug",
)
SIGNING_SECRETS = ValueType(
    lambda text: _each(_parts(",".join(text.split())), _signing_secret),
    f"{signatures.FORM}; several, the newest first, with commas or spaces between them",
    is_secret=True,
)
_SEVERAL = "; several, the newest first, with commas between them"
KEY = ValueType(str, "any text", is_secret=True)
KEYS = ValueType(lambda text: _unique(_parts(text)), f"any text{_SEVERAL}", is_secret=True)
TOKEN_SECRETS = ValueType(
    lambda text: _each(_parts(text), _token_secret),
    f"text of 32 bytes or more{_SEVERAL}",
    is_secret=True,
)
