"""Users of rooms as bare sockets, so that one process has thousands of them: of a frame they look
at its type and its place."""

import asyncio
import json
import re
import socket
import struct
from typing import Any

import wire
from world import Room

PATIENCE_SECONDS = 30
CLOSED_BY_US = 1000
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_FRAME = re.compile(rb'\{"type":"(\w+)"')
_SEQ = re.compile(rb'"seq":(\d+)')


def masked(opcode: int, payload: bytes) -> bytes:
    """With the mask of four zeros, which leaves the payload as it is."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes((0x80 | opcode,)) + length + bytes(4) + payload


class Visitor(asyncio.Protocol):
    """One user in one room, over all their connections. ``last_seq``: up to where they have read;
    ``wrong``: gaps and repeats; ``errors``: codes of what was refused; ``code``: what the
    connection was closed with, 1006 when it just ended, or the status in place of an upgrade."""

    def __init__(self, room: Room, user_id: str, last_seq: int = 0) -> None:
        self.room = room
        self.user_id = user_id
        self.last_seq = last_seq
        self.newest = 0  # the room's last message when they came
        self.posted = 0
        self.acknowledged = 0
        self.wrong: list[str] = []
        self.errors: list[str] = []
        self.code: int | None = None
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._changed = asyncio.Event()
        self._is_upgraded = False
        self._is_welcome = False
        self._must_resync = False

    async def come(self, receive_buffer: int | None = None) -> bool:
        """Connects with what was read last; whether they were let in."""
        self.code, self._data, self._is_upgraded, self._is_welcome = None, b"", False, False
        loop = asyncio.get_running_loop()
        line = socket.socket()
        line.setblocking(False)
        if receive_buffer is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await loop.sock_connect(line, ("127.0.0.1", self.room.server.port))
        except OSError:
            line.close()
            raise
        await loop.create_connection(lambda: self, sock=line)
        self._write(
            wire.upgrade(f"/ws/rooms/{self.room.id}?user_id={self.user_id}&since={self.last_seq}")
        )
        await self.reaches(lambda: self._is_welcome or self.code is not None)
        return self.code is None

    @property
    def is_gone(self) -> bool:
        return self._transport is None

    def ask_history(self) -> None:
        self._write(masked(_TEXT, b'{"type":"LoadHistory","payload":{}}'))

    def say(self, text: str, client_id: str | None = None) -> None:
        self.posted += 1
        payload = {"content": text, "client_msg_id": client_id or f"{self.user_id}-{self.posted}"}
        self._write(masked(_TEXT, json.dumps({"type": "SendMessage", "payload": payload}).encode()))

    def stop_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def reads(self, seq: int) -> None:
        """Fails when that does not come: nobody may starve."""
        await self.reaches(lambda: self.last_seq >= seq or self.code is not None)

    async def leave(self) -> None:
        self._write(masked(_CLOSE, struct.pack("!H", CLOSED_BY_US)))
        self.read_on()
        await self.reaches(lambda: self.is_gone)

    async def vanish(self) -> None:
        self._abort()
        await self.reaches(lambda: self.is_gone)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def reaches(self, state: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not state():
                await self._changed.wait()
                self._changed.clear()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.code is None:
            self.code = 1006
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._is_upgraded:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.code = int(head[9:12])
                self._abort()
                return
            self._is_upgraded, self._data = True, rest
        start = 0
        while (found := _frame(self._data, start)) is not None:
            opcode, payload, start = found
            self._take(opcode, payload)
        self._data = self._data[start:]
        self._changed.set()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self._read(payload)
        elif opcode == _PING:
            self._write(masked(_PONG, payload))
        elif opcode == _CLOSE:
            self.code = struct.unpack_from("!H", payload)[0] if payload else 1005
            self._write(masked(_CLOSE, payload[:2]))

    def _read(self, payload: bytes) -> None:
        match = _FRAME.match(payload)
        name = match[1] if match is not None else b""
        if name in {b"Message", b"System", b"MessageDeleted"}:
            found = _SEQ.search(payload)
            if found is not None:
                self._hear(int(found[1]), name == b"MessageDeleted")
        elif name == b"Ack":
            self.acknowledged += 1
        elif name == b"WelcomeInfo":
            self._is_welcome = True
            self.newest = json.loads(payload)["payload"]["last_seq"]
        elif name == b"Error":
            code = json.loads(payload)["payload"]["code"]
            self.errors.append(code)
            self._must_resync = self._must_resync or code == "resync_required"

    def _hear(self, seq: int, is_deletion: bool) -> None:
        """A deletion stands in a message's place, or follows it."""
        if seq != self.last_seq + 1:
            if is_deletion:
                return
            if not self._must_resync:
                self.wrong.append(f"{seq} after {self.last_seq}")
        self.last_seq, self._must_resync = seq, False


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
