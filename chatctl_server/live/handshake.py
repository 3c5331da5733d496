"""The opening handshake of WebSockets (RFC 6455, 4.2), of an ordinary request.

Whatever is unusual in one is read by the library, which knows each rule and its answer.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence

Header = tuple[bytes, bytes]
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONNECTION = (b"upgrade", b"keep-alive, upgrade")  # as libraries and as browsers write it
_KEY_BYTES = 16
_MAX_HEADERS = 100
_MAX_LINE = 64 * 1024
_TARGET = re.compile(rb"/[!-~]*")
_VALUES = re.compile(rb"(?:(?:[!-~](?:[ -~]*[!-~])?)?\n)*")  # each on a line of its own
_ONCE = {b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version", b"origin"}
_UNUSUAL = {b"content-length", b"transfer-encoding", b"expect", b"sec-websocket-protocol"}
_BEGIN = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def accept_key(target: bytes, headers: Sequence[Header]) -> bytes | None:
    """What Sec-WebSocket-Accept says to a GET of HTTP/1.1, whose headers' names are in lower case;
    None for an unusual one."""
    if len(headers) > _MAX_HEADERS or len(target) > _MAX_LINE or not _TARGET.fullmatch(target):
        return None
    if not _VALUES.fullmatch(b"".join([value + b"\n" for _, value in headers])):
        return None
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if len(name) + len(value) > _MAX_LINE:
            return None
        if name in _UNUSUAL or (name in _ONCE and name in found):
            return None
        found[name] = value
    is_plain = (
        found.get(b"upgrade", b"").lower() == b"websocket"
        and found.get(b"connection", b"").lower() in _CONNECTION
        and found.get(b"sec-websocket-version") == b"13"
    )
    key = found.get(b"sec-websocket-key")
    if not is_plain or key is None or not _is_key(key):
        return None
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def answer(key: bytes, headers: Iterable[Header]) -> bytes:
    return _BEGIN + b"Sec-WebSocket-Accept: " + key + b"\r\n" + lines(headers) + b"\r\n"


def lines(headers: Iterable[Header]) -> bytes:
    return b"".join([name.lower() + b": " + value + b"\r\n" for name, value in headers])
