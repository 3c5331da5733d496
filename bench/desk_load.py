"""Widgets and agents of a support desk as bare sockets, so that one process has thousands."""

import asyncio
import json
import struct
import time
from collections.abc import Iterable, Sequence
from typing import Any

import served

HEAD = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)
_TEXT, _PING, _PONG = 1, 9, 10
_APPENDED = b'"type":"domain.event.message_appended"'
_CONTENT = b'"content":"'


class DeskSocket(asyncio.Protocol):
    """``arrived``: seconds from the moment in each message's text to when it came here."""

    def __init__(self, port: int, first: dict[str, Any] | None = None, headers: str = "") -> None:
        self.arrived: list[float] = []
        self.answered = 0
        self.code: bytes | None = None
        self._port, self._first, self._headers = port, first, headers
        self._data = b""
        self._is_upgraded = False
        self._is_in = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def come(self) -> None:
        """Until it is let in: an agent by a header, a visitor by their first frame."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        await asyncio.wait_for(self._is_in, served.PATIENCE_SECONDS)

    def send(self, name: str, **payload: Any) -> None:
        self._write(_TEXT, json.dumps({"type": name, "payload": payload}).encode())

    def say(self, conversation: str, number: int, text: str) -> None:
        content = f"{time.perf_counter():.6f} {text}"
        self.send("Send", conversation_id=conversation, content=content, client_msg_id=f"{number}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(HEAD.format(more=self._headers).encode())
        if self._first is not None:
            self.send("Auth", **self._first)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._is_in.done():
            self._is_in.set_exception(ConnectionError(f"refused: {self._data[:200]!r}"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._is_upgraded:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not (end and head.startswith(b"HTTP/1.1 101 ")):
                return
            self._is_upgraded, self._data = True, rest
        start = 0
        while (found := _frame(self._data, start)) is not None:
            opcode, payload, start = found
            self._take(opcode, payload)
        self._data = self._data[start:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._write(_PONG, payload)
        elif _APPENDED in payload:
            begin = payload.index(_CONTENT) + len(_CONTENT)
            sent = float(payload[begin : payload.index(b" ", begin)])
            self.arrived.append(time.perf_counter() - sent)
        elif b'"type":"MessageSent"' in payload:
            self.answered += 1
        elif b"system.welcome" in payload if self._first is None else b"Authenticated" in payload:
            self._is_in.set_result(None)

    def _write(self, opcode: int, payload: bytes) -> None:
        """With the mask of four zeros, which leaves the payload as it is."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + struct.pack("!H", size)
        if self._transport is not None:
            self._transport.write(bytes((0x80 | opcode,)) + length + bytes(4) + payload)


def _frame(data: bytes, start: int) -> tuple[int, bytes, int] | None:
    """Opcode, payload and end of the unmasked frame there; None while it is not whole."""
    begin = start + 2
    if len(data) < begin:
        return None
    size = data[start + 1]
    if size >= 126:
        width = 2 if size == 126 else 8
        size = int.from_bytes(data[begin : begin + width], "big")
        begin += width
    if len(data) < begin + size:
        return None
    return data[start] & 0x0F, data[begin : begin + size], begin + size


async def all_come(sockets: Sequence[DeskSocket], at_once: int = 100) -> None:
    for first in range(0, len(sockets), at_once):
        await asyncio.gather(*(each.come() for each in sockets[first : first + at_once]))


async def talk(
    talkers: Sequence[tuple[DeskSocket, str]], a_second: float, seconds: float, text: str
) -> int:
    """One after the other says something in their conversation; how much was said."""
    began, count = time.perf_counter(), int(a_second * seconds)
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
        socket, conversation = talkers[number % len(talkers)]
        socket.say(conversation, number, text)
    await asyncio.sleep(1)
    return count


def close_all(sockets: Iterable[DeskSocket]) -> None:
    for each in sockets:
        each.close()
