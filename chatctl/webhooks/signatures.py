"""The signatures of Standard Webhooks, version 1, as a receiver judges them. Pure."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from chatctl.shell import failures

Verdict = Literal["ok", "bad", "none", "unchecked"]
TOLERANCE_SECONDS = 5 * 60
_LEAST_BYTES, _MOST_BYTES = 24, 64
_FIX = "a secret a line, as CALLBACK_SIGNING_SECRET has it: openssl rand -base64 32 writes one"


class Judged(NamedTuple):
    """``reason``: why it is not ok."""

    verdict: Verdict
    reason: str | None = None


def keys(text: str, name: str) -> list[bytes]:
    """Of a file's lines, several in one with spaces between them: base64, with or without
    ``whsec_``. Raises Failure ``usage``, which tells a line by its number: what stands there may be
    a secret."""
    lines = enumerate(text.split("\n"), 1)
    found = [_key(each, f"line {at} of {name}") for at, line in lines for each in line.split()]
    if not found:
        raise failures.usage(f"{name} holds no secret", _FIX)
    return found


def _key(line: str, where: str) -> bytes:
    try:
        key = b64decode(line.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise failures.usage(f"{where} is not base64", _FIX) from None
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise failures.usage(
            f"{where} holds {len(key)} bytes, not {_LEAST_BYTES} to {_MOST_BYTES}", _FIX
        )
    return key


def judge(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Judged:
    """``headers`` have their names in lower case; ``now`` is Unix seconds. Without keys a signature
    is not checked."""
    signatures = headers.get("webhook-signature", "").split()
    if not signatures:
        return Judged("none", "it is not signed")
    if not keys:
        return Judged("unchecked")
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return Judged("bad", "its timestamp is no number of seconds")
    age = now - int(timestamp)
    if abs(age) > TOLERANCE_SECONDS:
        side = "past" if age > 0 else "future"
        return Judged("bad", f"its timestamp lies {abs(age):.0f} seconds in the {side}")
    signed = f"{webhook_id}.{timestamp}.".encode("latin-1", "replace") + body
    if any(_is_signed(key, signed, each) for key in keys for each in signatures):
        return Judged("ok")
    return Judged("bad", "no secret here gives its signature")


def _is_signed(key: bytes, signed: bytes, signature: str) -> bool:
    expected = b"v1," + b64encode(hmac.digest(key, signed, "sha256"))
    return hmac.compare_digest(expected, signature.encode("latin-1", "replace"))
