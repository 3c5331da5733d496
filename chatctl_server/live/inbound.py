"""Client-to-server frames of WebSockets (RFC 6455, 5.2), cut out of the bytes as they come.

The common frames, whole masked messages, pings and pongs, are unmasked here. Every other one is
handed on whole, as it is, so that whoever knows the rest of the protocol always stands between two
frames.
"""

from collections.abc import Iterator

try:
    from websockets.speedups import apply_mask
except ImportError:  # a machine for which there is no compiled one
    from websockets.utils import apply_mask

OTHER, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, 10  # but for the first: their opcodes
_ORDINARY = {0x80 | opcode: opcode for opcode in (TEXT, BINARY, PING, PONG)}
_FIN_TEXT = 0x81
_MOST_SKIPPED = 1000
_MAX_CONTROL = 125  # bytes of a ping or pong
_FIN = 0x80
_IS_MASKED = 0x80
_CONTROL = 0x08
_CLOSE = 0x8
_MASK_BYTES = 4
_SHORT = 6  # bytes in front of the payload of a short masked frame
_TWO_BYTES = 126  # in place of a size: it is in the next two; 127: in the next eight


class FrameReader:
    """``max_bytes``: of a payload; the beginning of a larger one is handed on at once."""

    __slots__ = ("_hands_all_on", "_is_closed", "_is_stopped", "_max_bytes", "_rest", "_skipped")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._is_closed = self._is_stopped = False
        self._skipped = 0  # frames
        self._hands_all_on = False  # between the frames of one message, and behind a close

    def stop(self) -> None:
        """``feed`` goes no further, also in the middle of what it was given."""
        self._is_stopped = True

    def skip_to_close(self, data: bytes) -> bool:
        """After ``stop``: whether the client has closed, too. A thousand frames are passed over;
        of a client that goes on sending nothing more is looked at."""
        if self._skipped >= _MOST_SKIPPED:
            return False
        data, start = self._rest + data, 0
        while (found := _payload(data, start)) is not None:
            begin, size = found
            if data[start] & 0x0F == _CLOSE:
                return True
            if size > self._max_bytes or self._skipped >= _MOST_SKIPPED:
                self._skipped, start = _MOST_SKIPPED, len(data)
            if begin + size > len(data):
                break
            self._skipped += 1
            start = begin + size
        self._rest = data[start:]
        return False

    def whole_text(self, data: bytes) -> bytes | None:
        """Its payload, when that is all that has come, as most often; else, ``feed`` it."""
        if len(data) <= _SHORT or data[0] != _FIN_TEXT or self._rest or self._hands_all_on:
            return None
        size, begin = data[1] ^ _IS_MASKED, _SHORT
        if size > _TWO_BYTES:
            return None
        if size == _TWO_BYTES:
            size, begin = int.from_bytes(data[2:4], "big"), _SHORT + 2
        if size > self._max_bytes or begin + size != len(data):
            return None
        return apply_mask(data[begin:], data[begin - _MASK_BYTES : begin])

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """What it is, and its payload; or ``OTHER``, and the whole frame."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        start = 0
        while not self._is_stopped and (found := _payload(data, start)) is not None:
            begin, size = found
            if size > self._max_bytes:
                yield OTHER, data[start:]
                return
            end = begin + size
            if end > len(data):
                break
            kind = self._kind(data[start], data[start + 1])
            if kind == OTHER:
                yield OTHER, data[start:end]
            else:
                yield kind, apply_mask(data[begin:end], data[begin - _MASK_BYTES : begin])
            start = end
        self._rest = data[start:]

    def _kind(self, first: int, second: int) -> int:
        kind = OTHER if self._hands_all_on else _ORDINARY.get(first, OTHER)
        is_too_long = kind & _CONTROL and second & 0x7F > _MAX_CONTROL
        if kind == OTHER or is_too_long or not second & _IS_MASKED:
            self._note(first)
            return OTHER
        return kind

    def _note(self, first: int) -> None:
        if first & 0x0F == _CLOSE:
            self._hands_all_on = self._is_closed = True
        elif not (first & _CONTROL or self._is_closed):
            self._hands_all_on = not first & _FIN


def is_end_of_message(frame: bytes) -> bool:
    """False for a control frame, and for one that others of its message follow."""
    return bool(frame[0] & _FIN) and not frame[0] & _CONTROL


def _payload(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the payload of the frame begins, and its size; None while that is not there yet."""
    begin = start + 2
    if len(data) < begin:
        return None
    size = data[start + 1] & 0x7F
    if size >= _TWO_BYTES:
        width = 2 if size == _TWO_BYTES else 8
        if len(data) < begin + width:
            return None
        size = int.from_bytes(data[begin : begin + width], "big")
        begin += width
    return (begin + _MASK_BYTES if data[start + 1] & _IS_MASKED else begin), size
