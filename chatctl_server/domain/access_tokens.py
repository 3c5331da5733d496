"""Access tokens of accounts: JSON Web Tokens (RFC 7519) signed with HS256 (contract team, 1).

``sub`` is the account's id as a decimal string and ``sid`` its login session; what else they say
is for clients that read them. ``JWT_SECRET=new,old``: the first signs, all verify, and ``kid``
says which one it was.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

import jwt
import msgspec

from chatctl_server import errors

ALGORITHM = "HS256"
SECONDS = 1800
LEEWAY_SECONDS = 60
_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "sid"]
_MAX_ACCOUNT = 2**53
_MANY = 10_000  # verified tokens that are known, of up to a kilobyte


class AccessToken(msgspec.Struct, frozen=True):
    """``expires_at`` in Unix seconds."""

    account: int
    login_id: str
    expires_at: int


class AccessTokens:
    """Raises InvalidSetting without a secret: a server has made one at its first start.

    A token that was verified is known by its text: each request brings the same one again, and to
    verify it costs more than to store a message. Its end is asked for every time.
    """

    def __init__(self, secrets: Sequence[str], issuer: str, audience: str) -> None:
        if not secrets:
            raise errors.InvalidSetting("Access tokens need a secret", field="JWT_SECRET")
        self._secrets = {_kid(each): each for each in secrets}
        self._signing = _kid(secrets[0])
        self._issuer = issuer
        self._audience = audience
        self._verified: dict[str, AccessToken] = {}

    def mint(self, account: int, login_id: str, user: dict[str, Any], now: float) -> str:
        """``user``: what older clients read of it. ``now`` in Unix seconds."""
        claims = {
            "sub": str(account),
            "sid": login_id,
            "iat": int(now),
            "exp": int(now) + SECONDS,
            "iss": self._issuer,
            "aud": self._audience,
            "user": user,
        }
        secret = self._secrets[self._signing]
        return jwt.encode(claims, secret, ALGORITHM, headers={"kid": self._signing})

    def read(self, token: str, *, expired: bool = False) -> AccessToken:
        """Raises Unauthorized for one that is not ours, or is over unless that does not matter."""
        known = self._verified.get(token)
        if known is not None and (expired or time.time() < known.expires_at + LEEWAY_SECONDS):
            return known
        found = self._verify(token, expired=expired)
        if len(self._verified) >= _MANY:
            self._verified.clear()
        self._verified[token] = found
        return found

    def _verify(self, token: str, *, expired: bool) -> AccessToken:
        try:
            claims = jwt.decode(
                token,
                self._secret_of(token),
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED, "verify_exp": not expired},
            )
            account, login_id = int(claims["sub"]), claims["sid"]
        except (jwt.PyJWTError, ValueError, TypeError):
            raise errors.Unauthorized("The access token is not valid, or is over") from None
        if not 0 < account < _MAX_ACCOUNT or not isinstance(login_id, str):
            raise errors.Unauthorized("The access token names no account")
        return AccessToken(account, login_id, int(claims["exp"]))

    def _secret_of(self, token: str) -> str:
        """One without a ``kid`` that we know is tried with the newest."""
        kid = jwt.get_unverified_header(token).get("kid", "")
        return self._secrets.get(kid) or self._secrets[self._signing]


def _kid(secret: str) -> str:
    return hashlib.sha256(f"kid:{secret}".encode()).hexdigest()[:16]
