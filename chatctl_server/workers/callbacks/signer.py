"""The headers of Standard Webhooks, version 1: they show who sent it, and that it is whole."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence

OF_A_TRY = ("webhook-timestamp", "webhook-signature")  # renewed for each


def key(secret: str) -> bytes:
    """The bytes of a secret as settings and endpoints have it: base64, perhaps after ``whsec_``."""
    return b64decode(secret.removeprefix("whsec_"))


def headers(
    webhook_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]
) -> list[tuple[str, str]]:
    """``timestamp`` in Unix seconds. With several keys, while a secret is being changed, there is
    a signature by each; without one there is the id alone."""
    if not keys:
        return [("webhook-id", webhook_id)]
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = " ".join(
        "v1," + b64encode(hmac.digest(each, signed, "sha256")).decode() for each in keys
    )
    return [
        ("webhook-id", webhook_id),
        *zip(OF_A_TRY, (str(timestamp), signatures), strict=True),
    ]
