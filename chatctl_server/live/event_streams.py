"""Server-sent events (WHATWG HTML, 9.2): frames over the response to a plain GET.

What the hub writes goes straight to the connection's socket, as with WebSockets: an event is a
whole chunk of HTTP/1.1 (RFC 9112, 7.1), so those that are equal are made once.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from chatctl_server.live import tcp, wire
from chatctl_server.live.transports import Flow, Handler, Send

KEEP_ALIVE = b"3\r\n:\n\n\r\n"
A_SLICE = 50  # of streams, then other work has its turn
NEVER_AGAIN = range(4500, 4600)
"""Of the close codes: who was shown out with one of these is not to connect again."""
_ENDINGS = {code: f"closed-{code}" for code in NEVER_AGAIN}


def frame(payload: bytes, offset: int | None = None) -> bytes:
    """One event. ``payload`` is JSON: its line breaks are between values."""
    if b"\n" in payload or b"\r" in payload:
        payload = b"\ndata: ".join(payload.splitlines())
    if offset is None:
        return _chunk(b"data: %b\n\n" % payload)
    return _chunk(b"id: %d\ndata: %b\n\n" % (offset, payload))


def named_frame(name: str, payload: bytes, offset: int | None = None) -> bytes:
    """One event of a type. ``payload`` is on one line."""
    line = b"" if offset is None else b"id: %d\n" % offset
    return _chunk(b"event: %b\n%bdata: %b\n\n" % (name.encode(), line, payload))


def retry(milliseconds: int, event: bytes) -> bytes:
    """The event with how long a client waits before it connects again."""
    return _chunk(b"retry: %d\n%b" % (milliseconds, _data(event)))


def payload(event: bytes) -> bytes:
    """What ``named_frame`` was given."""
    return _data(event).partition(b"data: ")[2].rstrip(b"\n")


def _data(chunk: bytes) -> bytes:
    return chunk.partition(b"\r\n")[2].removesuffix(b"\r\n")


def of_text_frame(text_frame: bytes, offset: int | None) -> bytes:
    """The event with what a WebSocket's frame holds."""
    return frame(wire.payload(text_frame), offset)


def closing(code: int) -> bytes:
    """The last event. The client keeps its ``id`` and shows it when it connects again: so the
    server need not remember whom it has shown out."""
    line = b"id: %b\n" % _ENDINGS[code].encode() if code in NEVER_AGAIN else b""
    return _chunk(b'%bevent: close\ndata: {"code":%d}\n\n' % (line, code))


def is_of_the_end(last_event_id: str) -> bool:
    """Whether it is what ``closing`` has said to somebody who is not to connect again."""
    return last_event_id in _ENDINGS.values()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Line(Protocol):
    """The connection that a response goes over; the scope extension ``chatctl.line`` refers to
    it weakly."""

    transport: asyncio.Transport

    def attach(self, flow: Flow, lost: asyncio.Event) -> None:
        """From now on the connection tells these of itself, until ``detach``."""

    def detach(self) -> None: ...


class EventStream:
    """A ``Transport``. The head of the response has gone through ``send`` before. ``closing`` makes
    the last event."""

    def __init__(
        self,
        line: Line,
        send: Send,
        streams: "OpenStreams",
        closing: Callable[[int], bytes] = closing,
    ) -> None:
        self._line = line
        self._send = send
        self._streams = streams
        self._closing = closing
        self._is_over = asyncio.Event()

    def start(self, flow: Flow) -> None:
        self._line.attach(flow, self._is_over)
        self._streams.add(self)

    def frame(self, payload: bytes, offset: int | None = None) -> bytes:
        return frame(payload, offset)

    def write(self, frames: bytes) -> None:
        if not self._is_over.is_set():
            self._line.transport.write(frames)

    def close(self, code: int, last: bytes = b"", *, overtaking: bool = False) -> None:
        """What the socket has taken is on its way: nothing overtakes it."""
        self.write(last + self._closing(code))
        self._is_over.set()

    def abort(self) -> None:
        self._line.transport.abort()

    def unsent_bytes(self) -> int:
        return tcp.unsent_bytes(self._line.transport)

    def keep_alive(self) -> None:
        """A comment, unless a proxy on the way sees bytes anyway."""
        if not self.unsent_bytes():
            self.write(KEEP_ALIVE)

    def hold_reading(self) -> None:
        """The client of a stream says nothing."""

    def read_on(self) -> None:
        pass

    async def serve(self, handler: Handler) -> None:
        """Returns when the end is with the socket, or the client is gone."""
        try:
            await self._is_over.wait()
        finally:
            handler.disconnected()
            try:
                await self._end()
            finally:
                handler.ended()

    async def _end(self) -> None:
        self._is_over.set()
        self._streams.discard(self)
        try:
            await self._send({"type": "http.response.body"})
        finally:
            self._line.detach()


class OpenStreams:
    """Those that are open: one timer keeps all of them alive."""

    def __init__(self) -> None:
        self._open: dict[EventStream, None] = {}

    def add(self, stream: EventStream) -> None:
        self._open[stream] = None

    def discard(self, stream: EventStream) -> None:
        self._open.pop(stream, None)

    async def keep_alive(self) -> None:
        for number, stream in enumerate(list(self._open), 1):
            stream.keep_alive()
            if number % A_SLICE == 0:
                await asyncio.sleep(0)
