"""How bytes reach a client: what the hub writes to, whatever carries it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from chatctl_server.live import wire

logger = logging.getLogger("chatctl.rooms")

# Unsent, beside what the system has: above it a client is paused; at half of it, it goes on.
HIGH_BYTES = 16 * 1024
Message = Any  # of ASGI
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Flow(Protocol):
    """Whose bytes a transport carries: it is told when the transport has enough of them."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def finish(self, code: int) -> None: ...


class Handler(Protocol):
    """What a connection is served by. It is told of everything once, and raises nothing.

    ``receive`` takes UTF-8 text; None for any other frame: binary, of control, a part.
    ``disconnected``: no message comes any more. ``ended``: nothing more can be written, either.
    """

    def receive(self, message: bytes | None) -> None: ...
    def disconnected(self) -> None: ...
    def ended(self) -> None: ...


class Transport(Protocol):
    """``frame`` makes a frame of what is said; ``offset`` is that of a stored event. ``write``
    takes whole frames and never waits. ``close`` follows what was written and, if it
    is not ``overtaking``, waits for it; ``last`` are frames that go before it. ``serve`` gives the
    client's messages to a handler; while reading is held they wait. It returns when the transport
    has no use for the application's task: the handler may live on."""

    def start(self, flow: Flow) -> None: ...
    def frame(self, payload: bytes, offset: int | None = None) -> bytes: ...
    @property
    def write(self) -> Callable[[bytes], None]: ...
    def close(self, code: int, last: bytes = b"", *, overtaking: bool = False) -> None: ...
    def abort(self) -> None: ...
    def unsent_bytes(self) -> int: ...
    def hold_reading(self) -> None: ...
    def read_on(self) -> None: ...
    async def serve(self, handler: Handler) -> None: ...


class AsgiWebSocket:
    """Over plain ASGI: a queue, a task that sends from it, and one that receives."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._flow: Flow | None = None
        self._sending: asyncio.Task[None] | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._is_gone = False  # nothing more can be sent
        self._queue: deque[bytes] = deque()
        self._size = 0  # of what is queued and of what is being sent
        self._close_code: int | None = None
        self._wake = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()

    def start(self, flow: Flow) -> None:
        self._flow = flow
        self._sending = asyncio.create_task(self._run(), name="sending")

    def frame(self, payload: bytes, offset: int | None = None) -> bytes:
        return wire.text_frame(payload)

    def write(self, frames: bytes) -> None:
        if self._is_gone:
            return
        self._queue.append(frames)
        self._size += len(frames)
        if self._size > HIGH_BYTES and self._flow is not None:
            self._flow.pause()
        self._wake.set()

    def close(self, code: int, last: bytes = b"", *, overtaking: bool = False) -> None:
        if overtaking:
            self._queue.clear()
        if last:
            self._queue.append(last)
            self._size += len(last)
        self._close_code = code
        self._wake.set()

    def abort(self) -> None:
        """The application is done with it; what becomes of the socket is the server's affair."""
        for task in (self._sending, self._receiving):
            if task is not None:
                task.cancel()

    def unsent_bytes(self) -> int:
        return self._size

    def hold_reading(self) -> None:
        if not self._is_gone:
            self._may_read.clear()

    def read_on(self) -> None:
        self._may_read.set()

    async def serve(self, handler: Handler) -> None:
        """Until the client is gone or, of a connection which closes, is told everything."""
        self._receiving = asyncio.create_task(self._hear(handler), name="receiving")
        try:
            await _end_of(self._receiving)
        finally:
            handler.disconnected()
            try:
                await self.end()
            finally:
                handler.ended()

    async def _hear(self, handler: Handler) -> None:
        while True:
            await self._may_read.wait()
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return
            text = event.get("text")
            handler.receive(None if text is None else text.encode("utf-8", "surrogatepass"))

    async def end(self) -> None:
        """Of a connection whose client is gone, or which closes: then it goes on to its end."""
        if self._sending is None:
            return
        if self._close_code is None:
            self._sending.cancel()
        try:
            await _end_of(self._sending)
        finally:
            # They refer back: without them memory is given back now.
            self._flow = self._sending = self._receiving = None

    async def _run(self) -> None:
        """Sends until it is closed or the connection is gone."""
        try:
            while True:
                await self._send_queued()
                if self._close_code is not None:
                    await self._send({"type": "websocket.close", "code": self._close_code})
                    return
                await self._wake.wait()
                self._wake.clear()
        except (OSError, RuntimeError) as error:
            # uvicorn's words for "the peer is gone" and "the server has closed it meanwhile"
            logger.debug("sending ended: %s", error)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Whoever waits for the client to read, or holds its messages, goes on to the end."""
        self._is_gone = True
        self._queue.clear()
        self._size = 0
        self._may_read.set()
        if self._flow is not None:
            self._flow.resume()

    async def _send_queued(self) -> None:
        while self._queue:
            frames = self._queue.popleft()
            for text in wire.texts(frames):
                await self._send({"type": "websocket.send", "text": text})
            self._size -= len(frames)
            if self._size <= HIGH_BYTES // 2 and self._flow is not None:
                self._flow.resume()


async def _end_of(task: asyncio.Task[None]) -> None:
    """Unlike an ``await`` of the task, this tells its end from a cancellation of our own."""
    for outcome in await asyncio.gather(task, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
