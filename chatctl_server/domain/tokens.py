"""Room tokens: JSON Web Tokens (RFC 7519) signed with HS256 and ROOM_TOKEN_SECRET.

Rule 9 of the rooms contract: ``sub`` is the user id, ``exp`` is required, ``room`` binds the
token to one room, ``name`` is the nickname, ``admin`` makes the user an admin of the room.
"""

from collections.abc import Sequence
from typing import Any

import jwt
import msgspec

from chatctl_server import errors
from chatctl_server.domain import text

ALGORITHM = "HS256"
LATEST_SECONDS = 253_402_300_799  # what RFC 3339 can name


class TokenClaims(msgspec.Struct, frozen=True):
    """``expires_at`` and ``issued_at``: Unix seconds. ``room_id``: None is good for every room."""

    user_id: str
    expires_at: float
    room_id: str | None = None
    name: str | None = None
    is_admin: bool = False
    issued_at: float = 0  # where the token does not say


def mint(token: TokenClaims, secret: str, now: float) -> str:
    """Raises InvalidInput or BadText for what a server would refuse."""
    text.check_user_id(token.user_id)
    if token.name is not None:
        text.check_name(token.name, "name")
    claims: dict[str, Any] = {"sub": token.user_id, "iat": int(now), "exp": int(token.expires_at)}
    if token.room_id is not None:
        claims["room"] = token.room_id
    if token.name is not None:
        claims["name"] = token.name
    if token.is_admin:
        claims["admin"] = True
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read(token: str, secrets: Sequence[str]) -> TokenClaims:
    """Raises Unauthorized for one that is not signed with one of the secrets or is over, and
    InvalidInput or BadText for a user id that nobody may have."""
    claims = _claims(token, secrets)
    if not claims["sub"]:
        raise errors.Unauthorized("The token names no user", field="token")
    if claims["exp"] > LATEST_SECONDS:
        raise errors.Unauthorized("The token ends after the year 9999", field="token")
    return TokenClaims(
        user_id=text.check_user_id(claims["sub"]),
        expires_at=float(claims["exp"]),
        # One that is there and empty is for no room: a host's mistake opens nothing.
        room_id=str(claims["room"]).lower() if "room" in claims else None,
        name=str(claims.get("name") or "") or None,
        is_admin=claims.get("admin") is True,
        issued_at=float(claims.get("iat") or 0),
    )


def _claims(token: str, secrets: Sequence[str]) -> dict[str, Any]:
    first, *others = secrets
    try:
        return jwt.decode(token, first, algorithms=[ALGORITHM], options={"require": ["exp", "sub"]})
    except jwt.InvalidSignatureError as error:
        if others:
            return _claims(token, others)
        raise errors.Unauthorized(f"The token is not valid: {error}", field="token") from None
    except jwt.ExpiredSignatureError:
        raise errors.Unauthorized("The token has expired", field="token") from None
    except (jwt.PyJWTError, ValueError) as error:
        raise errors.Unauthorized(f"The token is not valid: {error}", field="token") from None


def unchecked(token: str) -> dict[str, Any]:
    """What the token says, whoever made it. Raises InvalidInput when it is no token at all."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        raise errors.InvalidInput("This is no JSON Web Token", field="token") from None


def is_signed_with(token: str, secret: str) -> bool:
    """Whether the signature is good, whatever the claims say."""
    try:
        jwt.PyJWS().decode(token, secret, algorithms=[ALGORITHM])
    except jwt.PyJWTError:
        return False
    return True
