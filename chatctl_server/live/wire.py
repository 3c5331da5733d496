"""Server-to-client frames of WebSockets (RFC 6455, 5.2), as bytes that are made once."""

from collections.abc import Iterator

_FIN_TEXT, _FIN_CLOSE, _FIN_PONG = 0x81, 0x88, 0x8A
_TWO_BYTES, _EIGHT_BYTES = 126, 127


def text_frame(payload: bytes) -> bytes:
    """A whole, unmasked frame of UTF-8 text."""
    size = len(payload)
    if size < _TWO_BYTES:
        return bytes((_FIN_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_FIN_TEXT, _TWO_BYTES)) + size.to_bytes(2, "big") + payload
    return bytes((_FIN_TEXT, _EIGHT_BYTES)) + size.to_bytes(8, "big") + payload


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping of up to 125 bytes."""
    return bytes((_FIN_PONG, len(payload))) + payload


def close_frame(code: int) -> bytes:
    return bytes((_FIN_CLOSE, 2)) + code.to_bytes(2, "big")


def payload(frame: bytes) -> bytes:
    """What ``text_frame`` was given."""
    width = {_TWO_BYTES: 2, _EIGHT_BYTES: 8}.get(frame[1], 0)
    return frame[2 + width :]


def texts(frames: bytes) -> Iterator[str]:
    """What ``text_frame`` was given, of frames that stand one after the other."""
    start = 0
    while start < len(frames):
        size, start = frames[start + 1], start + 2
        if size >= _TWO_BYTES:
            width = 2 if size == _TWO_BYTES else 8
            size = int.from_bytes(frames[start : start + width], "big")
            start += width
        yield frames[start : start + size].decode()
        start += size
