"""Which closed connections are worth another one (docs/rooms.md, close codes)."""

from chatctl.client.errors import Lost, Refused

TOKEN_EXPIRED = 4001
TOO_FAST = 4029
FINAL = {
    1007: "bad_text",
    1009: "too_large",
    TOKEN_EXPIRED: "token_expired",  # with another one, yes
    4501: "bad_token",
    4502: "no_authentication",
    4503: "banned",
    4504: "connection_limit",
    4505: "replaced",
    4506: "kicked",
    4507: "not_allowed",
    4508: "closed",
}
_FIRST_FINAL = 4500  # of ours, also of those to come


def ending(code: int, reason: str = "") -> Lost | Refused:
    """What a close is to whoever reads. 1006: there was none."""
    said = f"the connection was closed with {code}{reason and f': {reason}'}"
    if code in FINAL or code >= _FIRST_FINAL:
        return Refused(FINAL.get(code, "closed"), said, code)
    return Lost(said, 1.0 if code == TOO_FAST else 0.0)
