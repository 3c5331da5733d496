"""Who wants to join: trusted as named (open), or shown by a signed token.

Rule 9 of the rooms contract: HS256, ``sub`` is the user id, ``exp`` is required, ``room`` binds
the token to one room, ``name`` is the nickname, ``admin`` makes the user an admin of the room.
"""

from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec

from chatctl_server import errors
from chatctl_server.domain import facts, text
from chatctl_server.settings import Settings
from chatctl_server.storage.histories import LATEST


class Joiner(msgspec.Struct, frozen=True):
    """``since`` is the last seq the client has; None starts with what comes. ``expires_at``:
    Unix seconds, when the token ends and the connection with it."""

    user_id: str
    nickname: str
    since: int | None
    credential: str
    is_granted_admin: bool = False
    expires_at: float | None = None

    def actor(self, address: str) -> facts.Actor:
        return facts.Actor(self.user_id, self.credential, address or None)


def identify(query_string: bytes, room_id: str, settings: Settings) -> Joiner:
    """Raises InvalidInput, BadText, or Unauthorized for a token that is missing or bad."""
    query = _query(query_string)
    if settings.room_identity == "token":
        return _by_token(query, room_id, settings.room_token_secret or "")
    user_id = text.check_user_id(query.get("user_id", ""))
    nickname = text.check_name(query.get("nickname") or user_id, "nickname")
    return Joiner(user_id, nickname, _since(query), "room:open")


def _by_token(query: dict[str, str], room_id: str, secret: str) -> Joiner:
    claims = _claims(query.get("token", ""), secret)
    if not claims["sub"]:
        raise errors.Unauthorized("The token names no user", field="token")
    user_id = text.check_user_id(claims["sub"])
    if query.get("user_id", user_id) != user_id:
        raise errors.Unauthorized("user_id is not the one that the token is for", field="user_id")
    if "room" in claims and str(claims["room"]).lower() != room_id:
        raise errors.Unauthorized("The token is for another room", field="token")
    name = str(claims.get("name") or query.get("nickname") or user_id)
    return Joiner(
        user_id,
        text.check_name(name, "nickname"),
        _since(query),
        "room:token",
        is_granted_admin=claims.get("admin") is True,
        expires_at=float(claims["exp"]),
    )


def _claims(token: str, secret: str) -> dict[str, Any]:
    if not token:
        raise errors.Unauthorized("The room asks for a token (ROOM_IDENTITY=token)", field="token")
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp", "sub"]})
    except jwt.ExpiredSignatureError:
        raise errors.Unauthorized("The token has expired", field="token") from None
    except (jwt.PyJWTError, ValueError) as error:
        raise errors.Unauthorized(f"The token is not valid: {error}", field="token") from None


def _query(query_string: bytes) -> dict[str, str]:
    """The first value of each name. Raises BadText for bytes that are no UTF-8."""
    try:
        found = parse_qs(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=100,
        )
    except UnicodeDecodeError:
        raise errors.BadText("The query is no valid UTF-8", field="query") from None
    except ValueError as error:
        raise errors.InvalidInput(f"The query cannot be read: {error}", field="query") from None
    return {name: values[0] for name, values in found.items()}


def _since(query: dict[str, str]) -> int | None:
    given = query.get("since", "")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise errors.InvalidInput("since is no whole number from 0", field="since")
    return min(int(given), LATEST)
