"""The protocol class for WebSockets given to uvicorn: an upgraded connection is one object.

ASGI goes as far as the handshake. What serves the connection then gets its messages and writes its
frames without a task, a queue or an event between (the scope extension ``chatctl.websocket``).
Ordinary frames are read here. The library, which is made when it is needed, reads the others: parts
of messages, closes, and whatever breaks a rule.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.utils import ClientDisconnected, get_local_addr, get_remote_addr
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from chatctl_server.domain import close_codes
from chatctl_server.live import handshake, inbound, tcp, wire
from chatctl_server.live.extensions import WEBSOCKET
from chatctl_server.live.inbound import FrameReader
from chatctl_server.live.opening import Opening, websocket_scope
from chatctl_server.live.timer import Timer
from chatctl_server.live.traffic import Traffic
from chatctl_server.live.transports import HIGH_BYTES, Flow, Handler

logger = logging.getLogger("chatctl.server")
PING_SECONDS = 25.0  # from one to the next
PONG_SECONDS = 10.0  # until the answer to a ping
CLOSE_SECONDS = 10.0  # until a connection that was closed is gone
MAX_FRAGMENTS = 1024  # frames of one message
_PING = b"\x89\0"

# Takes what the access log asks of an ASGI scope, and the status of the answer.
LogRefused = Callable[[Any, int], None]


def not_logged(scope: Any, status: int) -> None:
    pass


class WebSocketProtocol(asyncio.Protocol):
    """A ``Transport``. ``write`` is the socket's own, so that a delivery costs no function more. It
    puts an accept in front that waits; behind a close it drops what it is given.

    ``log_refused``, ``timer`` and ``traffic`` are set by the composition root.
    """

    __slots__ = (
        "_acknowledged",
        "_config",
        "_early",
        "_ending",
        "_flow",
        "_gone_by",
        "_handler",
        "_head",
        "_is_closing",
        "_is_full",
        "_is_heard",
        "_is_held",
        "_is_open",
        "_is_text",
        "_library",
        "_loop",
        "_opening",
        "_parts",
        "_ping_at",
        "_pong",
        "_pong_by",
        "_reader",
        "_server",
        "is_lost",
        "transport",
        "write",
    )
    log_refused: LogRefused = staticmethod(not_logged)
    timer = Timer()
    traffic = Traffic()
    transport: asyncio.Transport
    write: Callable[[bytes], None]

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self._config = config
        self._server = server_state
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(config.ws_max_size)
        self._opening: Opening | None = None
        self._early: bytes | None = b""  # what has come before anybody serves it; None since then
        self._head = b""  # the accept, which leaves with the first frames
        self._handler: Handler | None = None  # who is given messages
        self._ending: Handler | None = None  # who is told of the end
        self._flow: Flow | None = None
        self._library: ServerProtocol | None = None
        self._parts: list[bytes] = []  # of a message
        self._is_text = False  # that message
        self._is_open = False  # accepted
        self._is_closing = False
        self.is_lost = False
        self._is_held = False  # nothing is read
        self._is_full = False  # nothing may be written that can wait
        self._pong = b""  # that waits
        self._is_heard = False  # since it was pinged
        self._pong_by: float | None = None
        self._gone_by: float | None = None
        self._acknowledged = 0  # bytes, when it was pinged
        # Those who come at once are not pinged at once.
        self._ping_at = self._loop.time() + PING_SECONDS * random.uniform(0.5, 1)  # noqa: S311  # no secret

    # The handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        self.transport.set_write_buffer_limits(HIGH_BYTES, HIGH_BYTES // 2)
        self.write = _drop
        self._server.connections.add(self)  # type: ignore[arg-type]  # they are told to shut down
        self.timer.add(self)

    def upgrade(self, scope: dict[str, Any], key: bytes) -> None:
        """For a request that was read: the application decides."""
        scope["extensions"][WEBSOCKET] = self
        opening = self._opening = Opening(self, key)
        run = opening.run(self._config.loaded_app, scope)
        task = self._loop.create_task(run, name="opening")
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _read_head(self, data: bytes) -> None:
        """An unusual request, of which the library knows each mistake and its answer."""
        library = self._library = self._library or ServerProtocol(logger=logger)
        library.receive_data(data)
        for request in library.events_received():
            assert isinstance(request, Request)
            response = library.accept(request)
            scope = self._scope_of(request)
            if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                self._drop_library()
                self.upgrade(scope, response.headers["Sec-WebSocket-Accept"].encode())
                return
            library.send_response(response)
            self.log_refused(scope, response.status_code)
        if library.handshake_exc is not None:
            self._end_with(b"".join(library.data_to_send()))

    def _scope_of(self, request: Request) -> dict[str, Any]:
        named = request.headers.raw_items()
        return websocket_scope(
            request.path.encode("ascii"),
            [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in named],
            get_local_addr(self.transport),
            get_remote_addr(self.transport),
            tcp.peer_credentials(self.transport),
        )

    def accept(
        self, key: bytes, headers: Iterable[handshake.Header], *, waits: bool = False
    ) -> None:
        if self._is_closing or self.transport.is_closing():
            raise ClientDisconnected
        self._is_open = True
        self._head = handshake.answer(key, [*self._server.default_headers, *headers])
        self.write = self._write_first
        if not waits:
            self.write(b"")

    def _write_first(self, frames: bytes) -> None:
        self.write = self.transport.write
        self.write(self._head + frames)
        self._head = b""

    def refuse(self, status: int, headers: Iterable[handshake.Header], body: bytes) -> None:
        if self._is_closing or self.transport.is_closing():
            raise ClientDisconnected
        if self._is_open:
            raise RuntimeError("An accepted WebSocket can only be closed")
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        headers = [*self._server.default_headers, *headers, (b"connection", b"close")]
        self._end_with(line + handshake.lines(headers) + b"\r\n" + body)

    def opened(self) -> None:
        """The application is done with the handshake."""
        self._opening = None
        if self._is_closing or self.transport.is_closing() or self._early is None:
            return
        if not self._is_open:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self.refuse(status, [(b"content-length", b"0")], b"")
        else:
            self.transport.close()

    # Writing: a ``Transport``

    def start(self, flow: Flow) -> None:
        self._flow = flow

    def frame(self, payload: bytes, offset: int | None = None) -> bytes:
        return wire.text_frame(payload)

    def close(self, code: int, last: bytes = b"", *, overtaking: bool = False) -> None:
        """What the socket has taken is on its way: nothing overtakes it."""
        if self._is_closing or self.transport.is_closing():
            return
        self.write(last + wire.close_frame(code))
        self.write = _drop
        self._is_closing = True
        self._reader.stop()
        self._drop_library()
        self.read_on()
        self._loop.call_soon(self._disconnect)  # whoever closes it may be in the middle of a list

    def _end_with(self, data: bytes) -> None:
        """The last, for which the client is not waited any more."""
        self._reader.stop()
        self.transport.write(self._head + data)
        self._head = b""
        self.write = _drop
        self._is_closing = True
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def unsent_bytes(self) -> int:
        return tcp.unsent_bytes(self.transport)

    def pause_writing(self) -> None:
        self._is_full = True
        if self._flow is not None:
            self._flow.pause()

    def resume_writing(self) -> None:
        self._is_full = False
        if self._pong:
            self.write(self._pong)
            self._pong = b""
        if self._flow is not None:
            self._flow.resume()

    # Reading

    async def serve(self, handler: Handler) -> None:
        early, self._early = self._early, None
        self._handler = self._ending = handler
        if self._is_closing or self.transport.is_closing():
            self._disconnect()
        if self.is_lost:
            self._end()
        if self._handler is None:
            return
        self.read_on()
        if early:
            self._read(early)

    def hold_reading(self) -> None:
        if not (self._is_held or self._is_closing or self.transport.is_closing()):
            self._is_held = True
            self.transport.pause_reading()

    def read_on(self) -> None:
        if self._is_held and not self.transport.is_closing():
            self._is_held = False
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            self._expect_close(data)
        elif self._early is None:
            self._read(data)
        elif self._is_open or self._opening is not None:
            self._early += data
            if len(self._early) > HIGH_BYTES:
                self.hold_reading()
        else:
            self._read_head(data)

    def _read(self, data: bytes) -> None:
        self._is_heard = True
        self.traffic.received_bytes += len(data)
        text = self._reader.whole_text(data)
        if text is not None:
            self.traffic.received_frames += 1
            self._receive_text(text)
            return
        for kind, frame in self._reader.feed(data):
            self.traffic.received_frames += 1
            if kind == inbound.TEXT:
                self._receive_text(frame)
            elif kind == inbound.OTHER:
                self._read_other(frame)
            elif kind == inbound.BINARY:
                self._receive_binary(frame)
            else:
                if kind == inbound.PING:
                    self._answer(frame)
                self._receive(None)
        if self._is_closing and not self.transport.is_closing():
            self._expect_close(b"")

    def _expect_close(self, data: bytes) -> None:
        if self._reader.skip_to_close(data):
            self._end_with(b"")

    def _receive_text(self, text: bytes) -> None:
        try:
            text.decode()
        except UnicodeDecodeError:
            self._fail(self._made_library(), close_codes.INVALID_PAYLOAD)
        else:
            self._receive(text)

    def _receive_binary(self, data: bytes) -> None:
        self._receive(None)

    def _receive(self, message: bytes | None) -> None:
        if self._handler is not None:
            self._handler.receive(message)

    def _answer(self, ping: bytes) -> None:
        """Of the pings of a client that does not read, the last is answered (RFC 6455, 5.5.3)."""
        pong = wire.pong_frame(ping)
        if self._is_full:
            self._pong = pong
        else:
            self.write(pong)

    def _read_other(self, frame: bytes) -> None:
        library = self._made_library()
        if frame[0] & 0x0F == Opcode.CLOSE:
            # Also within a message in fragments, for which the library fails it.
            library.current_size = None
        if not inbound.is_end_of_message(frame):
            self._receive(None)
            if self._is_closing:  # it was one too many
                return
        library.receive_data(frame)
        for event in library.events_received():
            assert isinstance(event, Frame)
            self._take(library, event)
        if library.parser_exc is not None:
            self._fail(library)
        elif not self._parts and not self._is_closing:
            self._drop_library()

    def _take(self, library: ServerProtocol, event: Frame) -> None:
        if event.opcode is Opcode.CLOSE:
            self._end_with(b"".join(library.data_to_send()))
            self._disconnect()
        elif event.opcode is Opcode.PING:
            library.data_to_send()
            self._answer(bytes(event.data))
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._add_part(library, event)

    def _add_part(self, library: ServerProtocol, part: Frame) -> None:
        """Empty ones do not count against the size of their message, so they are counted."""
        if part.opcode is not Opcode.CONT:
            self._is_text = part.opcode is Opcode.TEXT
        if len(self._parts) >= MAX_FRAGMENTS:
            self._fail(library, close_codes.TOO_LARGE)
            return
        self._parts.append(bytes(part.data))
        if part.fin:
            message = b"".join(self._parts)
            self._parts = []
            if self._is_text:
                self._receive_text(message)
            else:
                self._receive_binary(message)

    def _made_library(self) -> ServerProtocol:
        if self._library is None:
            size = self._config.ws_max_size
            self._library = ServerProtocol(state=OPEN, max_size=size, logger=logger)
        return self._library

    def _drop_library(self) -> None:
        library, self._library = self._library, None
        if library is not None:
            library.parser.close()  # it refers to what refers to it

    def _fail(self, library: ServerProtocol, code: int | None = None) -> None:
        """The client has broken a rule; the library has said so, unless it is told by ``code``."""
        if code is not None:
            library.fail(code)
        self._end_with(b"".join(library.data_to_send()))
        self._disconnect()

    # The end

    def check(self, now: float) -> None:
        """Called by the timer."""
        if self._head:
            self.write(b"")
        if self._is_closing or self.transport.is_closing():
            self._gone_by = self._gone_by or now + CLOSE_SECONDS
            if now >= self._gone_by:
                self.transport.abort()
        elif self._pong_by is not None:
            self._expect_pong(now, self._pong_by)
        elif self._is_open and now >= self._ping_at:
            self._ping(now)

    def _ping(self, now: float) -> None:
        self._ping_at = now + PING_SECONDS
        self._pong_by = now + PONG_SECONDS
        self._is_heard = False
        self._acknowledged = tcp.acknowledged_bytes(self.transport)
        self.write(_PING)

    def _expect_pong(self, now: float, pong_by: float) -> None:
        """Whatever comes from the client is an answer. While the ping is still on its way, behind
        other bytes on a slow line, there is none."""
        if self._is_heard or self._is_held:
            self._pong_by = None
        elif now >= pong_by:
            before, self._acknowledged = self._acknowledged, tcp.acknowledged_bytes(self.transport)
            if self._acknowledged > before and self.unsent_bytes():
                self._pong_by = now + PONG_SECONDS
                return
            logger.info("a client that does not answer was dropped")
            self.traffic.evictions["silent"] += 1
            self.close(close_codes.INTERNAL_ERROR)
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def shutdown(self) -> None:
        """Called by uvicorn at a stop. Whatever state it is in, the next one has its turn."""
        try:
            if self._is_open:
                self.close(close_codes.RESTART)
                tcp.cut_off_if_stalled(self._loop, self.transport)
                self.transport.close()
            elif not self._is_closing:
                self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, [(b"content-length", b"0")], b"")
        except Exception as error:
            logger.debug("a connection could not be closed in order: %r", error)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.timer.discard(self)
        self._server.connections.discard(self)
        if isinstance(exc, TimeoutError) and not self._is_closing:  # the system has given it up
            self.traffic.evictions["stalled"] += 1
        self.write = _drop
        self._is_closing = self.is_lost = True
        if self._opening is not None:
            self._opening.lose()
        self._disconnect()
        self._end()
        self._drop_library()

    def _disconnect(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.disconnected()

    def _end(self) -> None:
        """What refers to each other would be kept until all objects are looked through, which the
        server does rarely: thousands who come and go would fill the memory."""
        handler, self._ending = self._ending, None
        self._flow = None
        if handler is not None:
            handler.ended()


def _drop(frames: bytes) -> None:
    """Nobody reads them."""
