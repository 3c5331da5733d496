"""What tells whether a running server has the settings that are configured here.

A server writes a fingerprint of each of its settings into its lock; whoever may read that, and has
the settings too, can compare. No value can be read from a fingerprint, and no secret guessed: short
ones get none, and an address has one without its password and its query.
"""

import hmac
import re
import secrets

from chatctl_server.process.lock import Configured
from chatctl_server.settings.sources import Loaded
from chatctl_server.settings.table import SETTINGS, Setting, Settings, as_text, masked

LEAST_SECRET_BYTES = 16
DIGITS = 12
# Whoever compares has found the server by its database.
_WITHOUT = frozenset({"DATABASE_URL"})
_ENVIRONMENT = re.compile(r"(RUST_LOG, )?environment|file .*/credentials/.*")


def taken(loaded: Loaded) -> Configured:
    """Of a server's start, with a salt of its own. What a flag says has none: it is meant to
    differ from what is configured."""
    salt = secrets.token_hex(16)
    file = None if loaded.config_path is None else str(loaded.config_path)
    found = {
        name: fingerprint
        for name, fingerprint in _fingerprints(loaded.settings, salt).items()
        if not loaded.origin[name].startswith("flag ")
    }
    return Configured(file, salt, found, from_environment(loaded))


def differing(theirs: Configured, settings: Settings) -> list[str]:
    """The names of the settings whose values are others there. A setting that only one of the two
    has a fingerprint for says nothing."""
    ours = _fingerprints(settings, theirs.salt)
    return sorted(
        name
        for name, fingerprint in ours.items()
        if theirs.fingerprints.get(name, fingerprint) != fingerprint
    )


def from_environment(loaded: Loaded) -> list[str]:
    """Which values another process may not see: also what systemd hands over as a credential."""
    return [name for name, origin in loaded.origin.items() if _ENVIRONMENT.fullmatch(origin)]


def _fingerprints(settings: Settings, salt: str) -> dict[str, str]:
    texts = {name: _text(setting, settings) for name, setting in SETTINGS.items()}
    return {
        name: hmac.digest(salt.encode(), f"{name}={text}".encode(), "sha256").hex()[:DIGITS]
        for name, text in texts.items()
        if text is not None
    }


def _text(setting: Setting, settings: Settings) -> str | None:
    if setting.name in _WITHOUT:
        return None
    text = as_text(getattr(settings, setting.field))
    if setting.secret:
        return None if 0 < len(text.encode()) < LEAST_SECRET_BYTES else text
    return masked(text) if setting.name.endswith("_URL") else text
