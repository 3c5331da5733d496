"""Secrets that are handed out once: invites, reset links, refresh tokens. Stored are their hashes.

256 random bits in the URL-safe alphabet of base64. They cannot be guessed, so a plain SHA-256
hides them.
"""

import hashlib
import re
import secrets

BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new() -> str:
    return secrets.token_urlsafe(BYTES)


def is_one(text: str) -> bool:
    """Whether it has their form."""
    return _FORM.fullmatch(text) is not None


def hashed(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
