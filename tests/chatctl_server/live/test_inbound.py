"""The reader of inbound frames beside the library's: the same messages and the same errors, however
the bytes are split. ``CHATCTL_PROOF=1`` runs the long form."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from chatctl_server.live.inbound import OTHER, FrameReader

EXAMPLES = 20_000 if os.environ.get("CHATCTL_PROOF") == "1" else 300
MAX_BYTES = 300
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
Told = tuple[int, bytes, bool]


class Library:
    def __init__(self) -> None:
        self._protocol = ServerProtocol(max_size=MAX_BYTES)
        self._protocol.receive_data(UPGRADE)
        (request,) = self._protocol.events_received()
        assert isinstance(request, Request)
        self._protocol.send_response(self._protocol.accept(request))
        self.told: list[Told] = []

    def feed(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            assert isinstance(event, Frame)
            self.told.append((event.opcode, bytes(event.data), event.fin))

    @property
    def error(self) -> str | None:
        error = self._protocol.parser_exc
        return None if error is None else f"{type(error).__name__} {error}"


class Ours(Library):
    def __init__(self) -> None:
        super().__init__()
        self._reader = FrameReader(MAX_BYTES)
        self.whole_texts = 0

    def feed(self, data: bytes) -> None:
        """As the connection does."""
        text = self._reader.whole_text(data)
        if text is not None and self.error is None:
            self.whole_texts += 1
            self.told.append((Opcode.TEXT, bytes(text), True))
            return
        for kind, frame in self._reader.feed(data):
            if self.error is not None:
                return  # as the connection, which is closed then
            if kind == OTHER:
                super().feed(frame)
            else:
                self.whole_texts += kind == Opcode.TEXT
                self.told.append((kind, bytes(frame), True))


def frame(first: int, payload: bytes, *, is_masked: bool = True, width: int = 0) -> bytes:
    """``width``: bytes that the size is written in, if not as few as it can be."""
    size = len(payload)
    width = width or (0 if size < 126 else 2 if size < 1 << 16 else 8)
    second = {0: size, 2: 126, 8: 127}[width] | (0x80 if is_masked else 0)
    head = bytes((first, second)) + (size.to_bytes(width, "big") if width else b"")
    if not is_masked:
        return head + payload
    mask = b"\x01\x02\x03\xf4"
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


PAYLOADS = st.one_of(
    st.binary(max_size=20), st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * 300, b"x" * 301])
)
TEXT = st.builds(lambda payload: frame(0x81, payload), PAYLOADS)
FRAMES = st.one_of(
    TEXT,
    TEXT,
    st.builds(
        frame,
        st.sampled_from([0x01, 0x02, 0x82, 0x00, 0x80, 0x89, 0x8A]),
        st.binary(max_size=20),
    ),
    st.builds(frame, st.sampled_from([0x01, 0x00, 0x80]), st.just(b"y" * 200)),  # two are too many
    st.builds(lambda payload: frame(0x81, payload, width=2), st.binary(max_size=20)),
    st.builds(lambda payload: frame(0x81, payload, width=8), st.binary(max_size=20)),
    st.builds(lambda payload: frame(0x81, payload, is_masked=False), st.binary(max_size=20)),
    st.builds(frame, st.integers(0, 255), st.binary(max_size=20)),
    st.just(frame(0x88, b"\x03\xe8bye")),
)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def fed(make: Callable[[], Any], parts: Sequence[bytes]) -> Any:
    found = make()
    for part in parts:
        if part:
            found.feed(part)
    return found


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 4000), max_size=12))
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_same_messages_and_errors_as_the_library(
    frames: list[bytes], places: list[int]
) -> None:
    parts = cut(b"".join(frames), places)
    ours, library = fed(Ours, parts), fed(Library, parts)
    assert (ours.told, ours.error) == (library.told, library.error)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300])
def test_a_whole_text_is_read_here_in_one_piece_or_byte_by_byte(size: int) -> None:
    data = frame(0x81, b"x" * size) * 3
    for parts in ([data], [data[place : place + 1] for place in range(len(data))]):
        ours = fed(Ours, parts)
        assert ours.whole_texts == 3
        assert ours.told == [(Opcode.TEXT, b"x" * size, True)] * 3


INNER = frame(0x81, b"a text of its own")
LOOKS_LIKE_TWO = [bytes((0x81, 0x80 | len(INNER))) + b"\x01\x02\x03\xf4", INNER]
WRITTEN_WIDE = frame(0x81, b"x" * 119, width=8)
UNMASKED = [frame(0x81, b"x" * 3, is_masked=False) + b"y" * 134]
IN_BETWEEN = [frame(0x01, b"begin"), frame(0x81, b"in between")]


@pytest.mark.parametrize(
    "parts",
    [[frame(0x81, b"x" * (MAX_BYTES + 1))], LOOKS_LIKE_TWO, [WRITTEN_WIDE], UNMASKED, IN_BETWEEN],
)
def test_what_comes_alone_is_read_as_the_library_does(parts: list[bytes]) -> None:
    ours, library = fed(Ours, parts), fed(Library, parts)
    assert (ours.told, ours.error) == (library.told, library.error)


CLOSE = frame(0x88, b"\x03\xe8")


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_behind_our_close_the_clients_is_found(size: int) -> None:
    reader = FrameReader(MAX_BYTES)
    reader.stop()
    data = frame(0x81, b"late") + frame(0x01, b"x" * 200) + frame(0x89, b"ping") + CLOSE
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    *before, last = [reader.skip_to_close(part) for part in parts]
    assert not any(before[:-8])
    assert any([*before, last])


def test_a_stop_in_the_middle_of_what_has_come() -> None:
    reader = FrameReader(MAX_BYTES)
    told = []
    for kind, text in reader.feed(frame(0x81, b"one") + frame(0x81, b"two") + CLOSE):
        told.append((kind, bytes(text)))
        reader.stop()
    assert told == [(Opcode.TEXT, b"one")]
    assert reader.skip_to_close(b"")


@pytest.mark.parametrize("flood", [frame(0x81, b"x") * 5000, frame(0x81, b"x" * 301)])
def test_of_a_client_that_goes_on_sending_nothing_more_is_looked_at(flood: bytes) -> None:
    reader = FrameReader(MAX_BYTES)
    reader.stop()
    assert not reader.skip_to_close(flood)
    assert not reader.skip_to_close(CLOSE)
    assert reader._rest == b""
