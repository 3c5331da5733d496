"""What tells whether a running server has the settings that are configured here.

A server writes a mark of each of its settings into its lock; whoever may read that, and has the
settings too, can compare. No value can be read from a mark, and no secret guessed: short ones get
none, and an address is marked without its password and its query.
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
_UNMARKED = frozenset({"DATABASE_URL"})
_ENVIRONMENT = re.compile(r"(RUST_LOG, )?environment|file .*/credentials/.*")


def taken(loaded: Loaded) -> Configured:
    """Of a server's start, with a salt of its own. What a flag says is not marked: it is meant to
    differ from what is configured."""
    salt = secrets.token_hex(16)
    file = None if loaded.config_path is None else str(loaded.config_path)
    marks = {
        name: mark
        for name, mark in _marks(loaded.settings, salt).items()
        if not loaded.origin[name].startswith("flag ")
    }
    return Configured(file, salt, marks, from_environment(loaded))


def differing(theirs: Configured, settings: Settings) -> list[str]:
    """The names of the settings whose values are others there. A setting that only one of the two
    has a mark for says nothing."""
    ours = _marks(settings, theirs.salt)
    return sorted(name for name, mark in ours.items() if theirs.marks.get(name, mark) != mark)


def from_environment(loaded: Loaded) -> list[str]:
    """Which values another process may not see: also what systemd hands over as a credential."""
    return [name for name, origin in loaded.origin.items() if _ENVIRONMENT.fullmatch(origin)]


def _marks(settings: Settings, salt: str) -> dict[str, str]:
    texts = {name: _text(setting, settings) for name, setting in SETTINGS.items()}
    return {
        name: hmac.digest(salt.encode(), f"{name}={text}".encode(), "sha256").hex()[:DIGITS]
        for name, text in texts.items()
        if text is not None
    }


def _text(setting: Setting, settings: Settings) -> str | None:
    if setting.name in _UNMARKED:
        return None
    text = as_text(getattr(settings, setting.field))
    if setting.secret:
        return None if 0 < len(text.encode()) < LEAST_SECRET_BYTES else text
    return masked(text) if setting.name.endswith("_URL") else text
