"""What a site may be called and where its widget may stand (contract support, 1)."""

import re

import msgspec

from chatctl_server import errors
from chatctl_server.domain import business_hours, text
from chatctl_server.domain.support_events import SiteSettings

MAX_NAME_CHARACTERS = 100
MAX_ORIGINS = 50
MAX_TEXT_BYTES = 4096
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_ORIGIN = re.compile(
    r"(https?)://(\*\.)?([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?"
)


def check(settings: SiteSettings) -> SiteSettings:
    """As it is stored. Raises InvalidInput, BadText or TooLarge."""
    if not _COLOR.fullmatch(settings.color):
        raise errors.InvalidInput("color must be one as in #2563eb", field="color")
    if len(settings.allowed_origins) > MAX_ORIGINS:
        raise errors.InvalidInput(
            f"allowed_origins: at most {MAX_ORIGINS} are allowed", field="allowed_origins"
        )
    if settings.business_hours is not None:
        business_hours.check(settings.business_hours)
    return msgspec.structs.replace(
        settings,
        name=text.check_title(settings.name, "name", MAX_NAME_CHARACTERS),
        allowed_origins=tuple(dict.fromkeys(map(check_origin, settings.allowed_origins))),
        greeting=text.check(settings.greeting, "greeting", max_bytes=MAX_TEXT_BYTES),
        away_message=text.check(settings.away_message, "away_message", max_bytes=MAX_TEXT_BYTES),
        asks=tuple(dict.fromkeys(settings.asks)),
    )


def check_origin(origin: str) -> str:
    """``scheme://host[:port]``, with ``*.`` for every host below one, in lower case. Raises
    InvalidInput."""
    found = origin.strip().lower().rstrip("/")
    if not _ORIGIN.fullmatch(found):
        raise errors.InvalidInput(
            f"allowed_origins: {origin[:60]!r} is no origin; as in https://shop.example.org or "
            "https://*.example.org",
            field="allowed_origins",
        )
    return found


def allows(settings: SiteSettings, origin: str) -> bool:
    """Whether a page of that origin may show the widget; with an empty list those of this machine
    alone."""
    found = origin.lower()
    if not settings.allowed_origins:
        return is_loopback(found)
    return any(_fits(each, found) for each in settings.allowed_origins)


def is_loopback(origin: str) -> bool:
    scheme, _, rest = origin.partition("://")
    host = rest if rest.startswith("[") and rest.endswith("]") else rest.rpartition(":")[0] or rest
    return scheme in ("http", "https") and host in LOOPBACK


def _fits(allowed: str, origin: str) -> bool:
    scheme, _, host = allowed.partition("://")
    if not host.startswith("*."):
        return allowed == origin
    asked_scheme, _, asked_host = origin.partition("://")
    return asked_scheme == scheme and asked_host.endswith(host[1:])
