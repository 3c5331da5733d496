"""Accounts' streams as bare sockets, so that one process has a thousand of them: of a chat they
look at the numbers of its messages, of the stream at its offsets."""

import asyncio
import contextlib
import json
from typing import Any

import wire
from team import Person
from world import Server

PATIENCE_SECONDS = 60


class AccountListener(asyncio.Protocol):
    """One stream over all its connections. ``seqs``: the last message of each chat; ``wrong``:
    gaps, repeats and offsets that fall; ``left``: the chat that it was told to have left."""

    def __init__(self, server: Server, person: Person) -> None:
        self.server = server
        self.person = person
        self.last_id = ""
        self.seqs: dict[int, int] = {}
        self.wrong: list[str] = []
        self.left: set[int] = set()
        self.is_confirmed = False
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._changed = asyncio.Event()

    async def come(self) -> None:
        """Connects with what it was told last; until it is let in, when the server is away."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._try():
                await asyncio.sleep(0.05)

    async def _try(self) -> bool:
        self.is_confirmed, self._data = False, b""
        with contextlib.suppress(OSError):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self, "127.0.0.1", self.server.port)
            query = f"access_token={self.person.token}&since={self.last_id}"
            self._write(wire.request(self.server, "GET", f"/events?{query}"))
            await self.reaches(lambda: self.is_confirmed or self.is_gone)
        return self.is_confirmed

    @property
    def is_gone(self) -> bool:
        return self._transport is None

    async def vanish(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        await self.reaches(lambda: self.is_gone)

    async def reaches(self, state: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not state():
                await self._changed.wait()
                self._changed.clear()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        """Chunks are events: their sizes and their ends are passed over."""
        *whole, self._data = (self._data + data).split(b"\n\n\r\n")
        for each in whole:
            self._read(each)
        self._changed.set()

    def _read(self, event: bytes) -> None:
        lines = dict(line.partition(b": ")[::2] for line in event.split(b"\n"))
        if b"data" not in lines:
            return
        data = json.loads(lines[b"data"])
        if data["event"] == "connection_confirmed":
            self.is_confirmed = True
            self.last_id = self.last_id or str(data["last_event_id"])
        elif data["event"] == "resync":
            self.wrong.append("resync")
        if b"id" in lines:
            self._hear(int(lines[b"id"]), data)

    def _hear(self, offset: int, data: dict[str, Any]) -> None:
        if offset <= int(self.last_id):
            self.wrong.append(f"offset {offset} after {self.last_id}")
        self.last_id = str(offset)
        chat = data.get("chat_id", data.get("id"))
        if chat in self.left:
            self.wrong.append(f"{data['event']} of chat {chat}, which was left")
        if data["event"] == "UserLeftChat" and data["user_id"] == self.person.id:
            self.left.add(chat)
        if data["event"] == "NewMessage":
            if data["seq"] != self.seqs.get(chat, 0) + 1:
                self.wrong.append(f"message {data['seq']} of {chat} after {self.seqs.get(chat)}")
            self.seqs[chat] = data["seq"]
