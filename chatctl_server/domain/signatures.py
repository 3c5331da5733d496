"""Standard Webhooks, version 1: its secrets, its headers, and how a receiver judges them. Pure."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

OF_A_TRY = ("webhook-timestamp", "webhook-signature")  # renewed for each
FORM = "base64 of 24 to 64 bytes, with or without whsec_ before it"
FIX = "openssl rand -base64 32 writes a good one"
TOLERANCE_SECONDS = 5 * 60
Verdict = Literal["ok", "bad", "none", "unchecked"]


class BadSecret(Exception):
    """Its text continues the name of a secret, and does not show it: ``is not base64``."""


class Judged(NamedTuple):
    """``reason``: why it is not ok."""

    verdict: Verdict
    reason: str | None = None


def key(secret: str) -> bytes:
    """The bytes of a secret: base64, with or without ``whsec_`` before it. Raises BadSecret."""
    try:
        found = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise BadSecret("is not base64") from None
    if not 24 <= len(found) <= 64:
        raise BadSecret(f"holds {len(found)} bytes")
    return found


def secret(key: bytes) -> str:
    return f"whsec_{b64encode(key).decode()}"


def headers(
    webhook_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]
) -> list[tuple[str, str]]:
    """``timestamp`` in Unix seconds. With several keys, while a secret is being changed, there is
    a signature by each; without one there is the id alone."""
    if not keys:
        return [("webhook-id", webhook_id)]
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = " ".join(_signature(each, signed).decode() for each in keys)
    return [("webhook-id", webhook_id), *zip(OF_A_TRY, (str(timestamp), signatures), strict=True)]


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
    expected = [_signature(each, signed) for each in keys]
    given = [each.encode("latin-1", "replace") for each in signatures]
    if any(hmac.compare_digest(one, other) for one in expected for other in given):
        return Judged("ok")
    return Judged("bad", "no secret here gives its signature")


def _signature(key: bytes, signed: bytes) -> bytes:
    return b"v1," + b64encode(hmac.digest(key, signed, "sha256"))
