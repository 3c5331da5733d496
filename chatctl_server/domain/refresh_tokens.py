"""Refresh tokens: opaque, and each the successor of the one before (contract team, 1).

A successor is an HMAC of its predecessor. So who sends a token twice within the grace is given
the same successor twice, while nothing but hashes is stored, and a restart changes nothing. The key
is derived from JWT_SECRET and rotates with it: the first makes successors, all find them again.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from chatctl_server.domain import codes
from chatctl_server.domain.times import SECOND

GRACE = 5 * SECOND
IDLE = 14 * 24 * 3600 * SECOND
LONGEST = 30 * 24 * 3600 * SECOND
_PURPOSE = b"chatctl refresh token"


class RefreshTokens:
    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [hmac.digest(each.encode(), _PURPOSE, hashlib.sha256) for each in secrets]

    def successor(self, token: str) -> str:
        return _successor(self._keys[0], token)

    def find_successor(self, token: str, hashed: bytes) -> str | None:
        """The one with that hash; None when its key is no secret any more."""
        made = (_successor(key, token) for key in self._keys)
        return next((each for each in made if codes.hashed(each) == hashed), None)


def expires_at(created_at: int, now: int) -> int:
    """Of a login session whose token was made ``now``."""
    return min(now + IDLE, created_at + LONGEST)


def _successor(key: bytes, token: str) -> str:
    made = hmac.digest(key, token.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
