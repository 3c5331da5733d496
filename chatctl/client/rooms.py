"""One user in one room, over a WebSocket."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote

from chatctl.client import sockets
from chatctl.client.errors import Refused
from chatctl.client.event_buffer import EventBuffer
from chatctl.client.events import RESYNC, Event, Json
from chatctl.client.http import frame_refusal, showing
from chatctl.client.outbox import Outbox
from chatctl.client.resume import Backoff, over_connections, until_answered
from chatctl.client.tokens import Token, TokenSource

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


class Sent(NamedTuple):
    """Where a message is. ``duplicate``: it was there already, by its client id."""

    message_id: int
    seq: int
    duplicate: bool


class RoomClient:
    """``user_id`` may be left out where the token says it. ``token``: a room token, or a function
    that makes one. ``since``: the last seq one has; without it the room begins with what comes."""

    def __init__(
        self,
        url: str,
        room_id: str,
        user_id: str | None = None,
        *,
        nickname: str | None = None,
        token: str | TokenSource | None = None,
        since: int | None = None,
    ) -> None:
        self._position = since
        self._url = f"{url.rstrip('/')}/ws/rooms/{quote(room_id, safe='')}"
        self._who = {"user_id": user_id, "nickname": nickname}
        self._token = Token(token)
        self._events = EventBuffer(self._connect_anew)
        self._outbox: Outbox[Sent] = Outbox()
        self._socket: ClientConnection | None = None
        self._connected = asyncio.Event()  # and welcomed, and everything unanswered was sent again
        self._sending = asyncio.Lock()
        self._last_seq = 0
        self._end: Exception | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read(), name="room")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.wait((self._reading,))
        self._finish(ConnectionError("the client is closed"))

    def events(self) -> AsyncIterator[Event[int]]:
        """Frames of the room, in their order: each message once. Raises Refused at the end."""
        return self._events.take()

    async def send(self, content: str, client_msg_id: str | None = None) -> Sent:
        """Posts a message, once however often the connection is lost meanwhile. Raises Refused."""
        client_id = client_msg_id or str(uuid.uuid4())
        payload = {"content": content, "client_msg_id": client_id}
        frame = json.dumps({"type": "SendMessage", "payload": payload})

        async def once() -> Sent:
            self._check_open()
            answer = self._outbox.add(client_id, frame)
            async with self._sending:
                if self._connected.is_set():
                    await self._transmit(frame)
            return await answer

        try:
            return await until_answered(once)
        finally:
            self._outbox.discard(client_id)

    async def command(self, name: str, **payload: Json) -> None:
        """Another frame of a client (KickUser, CustomEvent, LoadHistory …), when there is a
        connection. It has no answer: what was under way at a loss may be lost."""
        while not self._connected.is_set():
            self._check_open()
            await self._connected.wait()
        self._check_open()
        await self._transmit(json.dumps({"type": name, "payload": payload}))

    def _check_open(self) -> None:
        if self._end is not None:
            raise self._end

    async def _transmit(self, frame: str) -> None:
        """What does not arrive is sent again after the next welcome."""
        from websockets.exceptions import ConnectionClosed

        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(frame)

    async def _read(self) -> None:
        try:
            async with aclosing(over_connections(self._frames, Backoff())) as frames:
                async for frame in frames:
                    await self._receive(frame["type"], frame.get("payload", {}))
        except Exception as error:  # whoever waits is told
            self._finish(error)

    def _finish(self, error: Exception) -> None:
        if self._end is None:
            self._end = error
            self._events.end(error)
            self._outbox.refuse_all(error)
            self._connected.set()

    async def _frames(self) -> AsyncGenerator[dict[str, Any], None]:
        """Of one connection."""
        try:
            async with showing(self._token) as token:
                asked = {**self._who, "token": token, "since": self._position}
                query = {name: str(value) for name, value in asked.items() if value is not None}
                async with sockets.opened(self._url, query) as self._socket:
                    self._token.accepted()
                    async for text in sockets.texts(self._socket):
                        yield json.loads(text)
        finally:
            self._socket = None
            if self._end is None:
                self._connected.clear()

    def _connect_anew(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()

    async def _receive(self, name: str, payload: dict[str, Json]) -> None:
        match name:
            case "Ack":
                sent = Sent(payload["message_id"], payload["seq"], payload["duplicate"])
                self._outbox.answer(payload["client_msg_id"], sent)
                return
            case "Error" if "client_msg_id" in payload:
                said = (payload["code"], payload["message"], payload.get("retry_after"))
                self._outbox.refuse(payload["client_msg_id"], frame_refusal(*said))
                return
            case "YouAreMuted":  # the only answer without an id; answers come in their order
                for oldest in self._outbox:
                    self._outbox.refuse(oldest, Refused("muted", "the user is muted in this room"))
                    break
        self._deliver(name, payload)
        if name == "WelcomeInfo":
            await self._send_again()

    def _deliver(self, name: str, payload: dict[str, Json]) -> None:
        if name == "WelcomeInfo":
            self._events.begin()
            self._last_seq = payload["last_seq"]
            # Below what one has: a backup was put back, and numbers are given again.
            known = self._last_seq if self._position is None else self._position
            self._position = min(known, self._last_seq)
        if name == "Error" and payload.get("code") == "resync_required":
            behind = max(self._position or 0, self._last_seq)
            if self._events.put(Event(RESYNC, payload, behind)):
                self._position = behind
            return
        seq = payload.get("seq")
        is_ahead = seq is not None and seq > (self._position or 0)
        if seq is not None and not is_ahead and name != "MessageDeleted":
            return
        # The seq of an earlier message that was deleted is no place to go on from.
        if self._events.put(Event(name, payload, seq if is_ahead else None)) and is_ahead:
            self._position = seq

    async def _send_again(self) -> None:
        async with self._sending:
            for frame in self._outbox.frames():
                await self._transmit(frame)
            self._connected.set()
