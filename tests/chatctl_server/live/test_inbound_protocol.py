"""The protocol class beside the library, from bytes to messages: the same messages, answers and
closes, however the bytes are split. It differs in one thing: who closes within a message in
fragments has made no error."""

import asyncio
from typing import Any

import uvicorn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lines import Socket
from test_inbound import EXAMPLES, FRAMES, MAX_BYTES, UPGRADE, Library, cut, frame
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from chatctl_server.live.websocket_protocol import WebSocketProtocol

TURNS = 8  # of the loop: more than a message needs to its function
BYE = frame(0x88, b"\x03\xe8bye")
PARTS = st.one_of(
    FRAMES,
    st.builds(
        frame, st.sampled_from([0x01, 0x00, 0x80, 0x81]), st.text(max_size=9).map(str.encode)
    ),
    st.sampled_from([frame(0x01, b"\xe2\x82"), frame(0x80, b"\xac"), frame(0x81, b"\xff"), BYE]),
)


class Reference(Library):
    """The library, and on top of it what RFC 6455 asks of whoever uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes | None] = []
        self.sent = b""
        self.is_over = False
        self._parts: list[bytes] = []
        self._is_text = False
        self._protocol.data_to_send()

    def feed(self, data: bytes) -> None:
        """Byte by byte, so that no frame is read before the one in front of it was taken."""
        for place in range(len(data)):
            if self.is_over:
                return
            self._protocol.receive_data(data[place : place + 1])
            for event in self._protocol.events_received():
                assert isinstance(event, Frame)
                self._take(event)
            self.sent += b"".join(self._protocol.data_to_send())
            self.is_over = self.is_over or self.error is not None

    def _take(self, event: Frame) -> None:
        self.is_over = event.opcode is Opcode.CLOSE
        if event.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._parts, self._is_text = [], event.opcode is Opcode.TEXT
        if event.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._parts.append(bytes(event.data))
            if event.fin:
                self._end_message(b"".join(self._parts))

    def _end_message(self, data: bytes) -> None:
        try:
            data.decode()
        except UnicodeDecodeError:
            if self._is_text:
                self.is_over = True
                self._protocol.send_close(1007)
                return
        self.messages.append(data if self._is_text else None)


class Given:
    """What a handler is given."""

    def __init__(self) -> None:
        self.messages: list[bytes | None] = []
        self.told: list[str] = []

    def receive(self, message: bytes | None) -> None:
        assert not self.told
        self.messages.append(message)

    def disconnected(self) -> None:
        self.told.append("disconnected")

    def ended(self) -> None:
        self.told.append("ended")


async def served(parts: list[bytes]) -> tuple[list[bytes | None], bytes, bool]:
    """The messages that an application is given, and what the client is sent; whether it ended."""
    handler = Given()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await scope["extensions"]["chatctl.websocket"].serve(handler)

    config = uvicorn.Config(application, lifespan="off", log_config=None, ws_max_size=MAX_BYTES)
    config.load()
    client, state = Socket(), ServerState()
    protocol = WebSocketProtocol(config, state, {})
    protocol.connection_made(client)
    protocol.data_received(UPGRADE)
    await turn()
    client.sent = b""
    for part in filter(None, parts):
        if not client.is_closed:
            protocol.data_received(part)
            await turn()
            assert client.is_reading_ or client.is_closed
    ended = client.is_closed
    protocol.connection_lost(None)
    await turn()
    assert not state.tasks | state.connections
    assert handler.told == ["disconnected", "ended"]
    return handler.messages, client.sent, ended


def texts_of(messages: list[bytes | None]) -> list[bytes]:
    """Without what stands for frames of other kinds."""
    return [each for each in messages if each is not None]


async def turn() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@given(st.lists(PARTS, max_size=8), st.lists(st.integers(0, 4000), max_size=12))
@example([frame(0x81, b"one"), frame(0x81, b"\xff"), frame(0x89, b"late"), BYE], [])
@example([frame(0x01, b"the beginning"), BYE, frame(0x80, b"the end")], [])
@example([frame(0x01, b""), frame(0x88, b"")], [])
@example([frame(0x89, b"ping"), frame(0x81, b"one"), b"\xc1\x80mask", frame(0x81, b"two")], [])
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_same_messages_answers_and_closes_as_the_library(
    frames: list[bytes], places: list[int]
) -> None:
    data = b"".join(frames)
    reference = Reference()
    reference.feed(data)
    with asyncio.Runner() as runner:
        messages, sent, ended = runner.run(served(cut(data, places)))
    assert texts_of(messages) == texts_of(reference.messages)
    if "incomplete fragmented message" in (reference.error or ""):
        alone = Reference()
        alone.feed(next(each for each in frames if each[0] & 0x0F == Opcode.CLOSE))
        assert alone.sent
        assert sent.endswith(alone.sent)
    else:
        assert sent == reference.sent
    assert ended == reference.is_over
