"""Who wants to join: trusted as named (open), or shown by a signed token."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qs

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events, text, tokens
from chatctl_server.domain.times import SECOND
from chatctl_server.settings.sources import Settings

SIGNED = "room:token"  # the credential of who shows a good one

# No escapes, and no more than a client writes.
_PLAIN = re.compile(rb"[\w.~-]+=[\w.~:-]*(?:&[\w.~-]+=[\w.~:-]*){,9}")


class Joiner(msgspec.Struct, frozen=True):
    """``since`` is the last seq the client has, ``after`` the offset up to which it has everything;
    without either it starts with what comes. ``expires_at``: Unix seconds, when the token ends and
    the connection with it. ``granted_admin_at``: the microsecond when a token was issued that
    makes the user an admin; None for no such token."""

    user_id: str
    nickname: str
    since: int | None
    credential: str
    granted_admin_at: int | None = None
    expires_at: float | None = None
    after: int | None = None

    @property
    def is_resuming(self) -> bool:
        return self.since is not None or self.after is not None

    def actor(self, address: str) -> events.Actor:
        return events.Actor(self.user_id, self.credential, address or None)


def identify(query_string: bytes, room_id: str, settings: Settings) -> Joiner:
    """Raises InvalidInput, BadText, or Unauthorized for a token that is missing or bad."""
    query = _query(query_string)
    if settings.room_identity == "token":
        return _by_token(query, room_id, settings.room_token_secret)
    user_id = text.check_user_id(query.get("user_id", ""))
    nickname = text.check_name(query.get("nickname") or user_id, "nickname")
    return Joiner(user_id, nickname, _since(query), "room:open")


def _by_token(query: dict[str, str], room_id: str, secrets: Sequence[str]) -> Joiner:
    given = query.get("token", "")
    if not given:
        raise errors.Unauthorized("The room asks for a token (ROOM_IDENTITY=token)", field="token")
    token = tokens.read(given, secrets)
    if query.get("user_id", token.user_id) != token.user_id:
        raise errors.Unauthorized("user_id is not the one that the token is for", field="user_id")
    if token.room_id not in (None, room_id):
        raise errors.Unauthorized("The token is for another room", field="token")
    name = token.name or query.get("nickname") or token.user_id
    return Joiner(
        token.user_id,
        text.check_name(name, "nickname"),
        _since(query),
        SIGNED,
        granted_admin_at=int(token.issued_at * SECOND) if token.is_admin else None,
        expires_at=token.expires_at,
    )


def _query(query_string: bytes) -> dict[str, str]:
    """The first value of each name. Raises BadText for bytes that are no UTF-8."""
    if _PLAIN.fullmatch(query_string):  # most are, and ``parse_qs`` costs ten times as much
        pairs = [each.partition("=") for each in query_string.decode().split("&")]
        return {name: value for name, _, value in reversed(pairs)}
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
    return position(query.get("since", ""), "since")


def position(given: str, field: str) -> int | None:
    """None for an empty one. Raises InvalidInput."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise errors.InvalidInput(f"{field} is no whole number from 0", field=field)
    return int(given)
