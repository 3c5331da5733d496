"""The protocol class for WebSockets given to uvicorn.

It adds to uvicorn's the peer's uid on the admin socket, frames and messages without ASGI between
(the fast path), and 1007 for invalid UTF-8 (uvicorn logs a traceback for each).
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from chatctl_server.domain import close_codes
from chatctl_server.live import handshake, tcp, wire
from chatctl_server.live.inbound import FrameReader, is_end_of_message
from chatctl_server.live.timer import Timer
from chatctl_server.live.traffic import Traffic
from chatctl_server.live.transports import Flow, OnMessage

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


class PreparedWebSocket:
    """The scope extension ``chatctl.websocket``, a ``Transport``: whole frames go straight to the
    socket, and messages come straight from it, without a task, a queue or an event for each."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: "WebSocketProtocol") -> None:
        self._protocol = protocol

    def start(self, flow: Flow) -> None:
        self._protocol.flow = flow

    def frame(self, payload: bytes, offset: int | None = None) -> bytes:
        return wire.text_frame(payload)

    def write(self, frames: bytes) -> None:
        protocol = self._protocol
        if not (protocol.close_sent or protocol.disconnected):
            protocol.transport.write(frames)

    def close(self, code: int, last: bytes = b"", *, overtaking: bool = False) -> None:
        """What the socket has taken is on its way: nothing overtakes it."""
        self._protocol.close_with(code, last)

    def abort(self) -> None:
        self._protocol.transport.abort()

    def unsent_bytes(self) -> int:
        return self._protocol.unsent_bytes()

    def hold_reading(self) -> None:
        self._protocol.hold_reading()

    def read_on(self) -> None:
        self._protocol.read_on()

    async def serve(self, on_message: OnMessage) -> None:
        self._protocol.listen(on_message)
        while (await self._protocol.receive())["type"] != "websocket.disconnect":
            pass

    async def end(self) -> None:
        """Whatever it was written is with the socket."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """``log_refused``, ``timer`` and ``traffic`` are set by the composition root."""

    log_refused: LogRefused = staticmethod(not_logged)
    timer = Timer()
    traffic = Traffic()
    flow: Flow | None = None
    _on_message: OnMessage | None = None
    _pong = b""  # that could not be written yet
    _is_heard = False  # since it was pinged
    _pong_by: float | None = None
    _gone_by: float | None = None
    _acknowledged = 0  # bytes, when it was pinged
    _accept_key: bytes | None = None  # of an ordinary request, which the library has not read

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reader = FrameReader(self.config.ws_max_size)
        # Those who come at once are not pinged at once.
        self._ping_at = self.loop.time() + PING_SECONDS * random.uniform(0.5, 1)  # noqa: S311  # no secret

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.timer.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.timer.discard(self)
        if isinstance(exc, TimeoutError) and not self.close_sent:  # the system has given it up
            self.traffic.evictions["stalled"] += 1
        super().connection_lost(exc)
        self.conn.parser.close()  # it refers to what refers to it

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """What refers to each other would be kept until all objects are looked through, which the
        server does rarely: thousands who come and go would fill the memory."""
        super().on_task_complete(task)
        self.scope["extensions"].clear()
        self.flow = self._on_message = None

    def check(self, now: float) -> None:
        """Called by the timer."""
        if self.close_sent or self.transport.is_closing():
            self._gone_by = self._gone_by or now + CLOSE_SECONDS
            if now >= self._gone_by:
                self.transport.abort()
        elif self._pong_by is not None:
            self._expect_pong(now, self._pong_by)
        elif self.handshake_complete and now >= self._ping_at:
            self._ping(now)

    def _ping(self, now: float) -> None:
        self._ping_at = now + PING_SECONDS
        self._pong_by = now + PONG_SECONDS
        self._is_heard = False
        self._acknowledged = tcp.acknowledged_bytes(self.transport)
        self.transport.write(_PING)

    def _expect_pong(self, now: float, pong_by: float) -> None:
        """Whatever comes from the client is an answer. While the ping is still on its way, behind
        other bytes on a slow line, there is none."""
        if self._is_heard or self.read_paused:
            self._pong_by = None
        elif now >= pong_by:
            before, self._acknowledged = self._acknowledged, tcp.acknowledged_bytes(self.transport)
            if self._acknowledged > before and self.unsent_bytes():
                self._pong_by = now + PONG_SECONDS
                return
            logger.info("a client that does not answer was dropped")
            self.traffic.evictions["silent"] += 1
            self.close_with(close_codes.INTERNAL_ERROR, b"")
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def unsent_bytes(self) -> int:
        return tcp.unsent_bytes(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated:
            self._is_heard = True
            self.traffic.received_bytes += len(data)
            for is_text, frame in self._reader.feed(data):
                self.traffic.received_frames += 1
                if is_text:
                    self.curr_msg_data_type = "text"
                    self._receive(frame, is_text=True)
                else:
                    if frame[0] & 0x0F == Opcode.CLOSE:
                        # Also within a message in fragments, for which the library fails it.
                        self.conn.current_size = None
                    if self._on_message is not None and not is_end_of_message(frame):
                        self._on_message(None)
                    super().data_received(frame)
            return
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # Headers beyond the parser's limits: uvicorn neither answers nor closes.
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def shutdown(self) -> None:
        """Whatever state the connection is in, the next one has its turn."""
        try:
            super().shutdown()
        except Exception as error:
            logger.debug("a connection could not be closed in order: %r", error)
            self.transport.abort()

    async def run_asgi(self) -> None:
        """As uvicorn's, which logs an error for every refusal before the upgrade."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception:
            logger.exception("a WebSocket failed")
            self.send_500_response()
        finally:
            if self.close_timer is None:
                self.transport.close()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self._extend_scope(tcp.peer_credentials(self.transport))
        else:
            self._log_handshake(event)

    def _extend_scope(self, peer: dict[object, object] | None) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions["chatctl.websocket"] = PreparedWebSocket(self)
        if peer is not None:
            extensions["chatctl.peer"] = peer

    def upgrade(self, http: Any, key: bytes) -> None:
        """An ordinary request, in place of ``connection_made`` and ``data_received``: as it was
        read once, a connection costs a quarter less."""
        self._accept_key = key
        self.transport, self.server, self.client = http.transport, http.server, http.client
        self.scheme = "wss" if http.scheme == "https" else "ws"
        self.connections.add(self)
        self.timer.add(self)
        self.handshake_initiated = True
        self.conn.parser.close()  # as in ``connection_lost``
        self.conn = ServerProtocol(
            state=OPEN, max_size=self.config.ws_max_size, logger=self.conn.logger
        )
        raw_path, _, query = http.url.partition(b"?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(raw_path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": http.headers,
            "subprotocols": [],
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }
        self._extend_scope(http.peer)
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    async def send(self, message: Any) -> None:
        """uvicorn's, but for the answer to what the library has not read."""
        if self._accept_key is None or message["type"] != "websocket.accept":
            await super().send(message)
            return
        if self.disconnected:
            raise ClientDisconnected
        key, self._accept_key = self._accept_key, None
        if not self.transport.is_closing():
            self.handshake_complete = True
            headers = [*self.default_headers, *message.get("headers", ())]
            self.transport.write(handshake.answer(key, headers))
            self.start_keepalive()

    def _log_handshake(self, event: Any) -> None:
        """No upgrade by the rules of RFC 6455; the application never sees it."""
        named = event.headers.raw_items()
        lines = [(key.lower().encode(), value.encode("latin-1", "replace")) for key, value in named]
        scope = {"client": self.client, "headers": lines, "raw_path": event.path.encode()}
        self.log_refused(scope, self.response.status_code)

    def send_receive_event_to_app(self) -> None:
        """A message that came in several frames, or is binary."""
        data, self.frames = b"".join(self.frames), []
        self._receive(data, is_text=self.curr_msg_data_type == "text")

    def _receive(self, data: bytes, *, is_text: bool) -> None:
        if self.close_sent:
            return
        if is_text:
            try:
                data.decode()
            except UnicodeDecodeError:
                self.conn.send_close(close_codes.INVALID_PAYLOAD)
                self.handle_parser_exception()
                return
        if self._on_message is not None:
            self._on_message(data if is_text else None)
            return
        self.frames = [data]
        super().send_receive_event_to_app()

    def handle_cont(self, event: Any) -> None:
        """Empty frames do not count against the size of their message."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self.conn.fail(close_codes.TOO_LARGE)
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Of the pings of a client that does not read, the last is answered (RFC 6455, 5.5.3)."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)
        else:
            self._pong = pong

    def listen(self, on_message: OnMessage) -> None:
        """From now on each message is given to that, first those that have come already."""
        come = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        self._on_message = on_message
        self.read_on()
        for event in come:
            if event["type"] == "websocket.receive":
                text = event.get("text")
                on_message(None if text is None else text.encode())
            else:
                self.queue.put_nowait(event)

    def hold_reading(self) -> None:
        if not self.read_paused and not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def read_on(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def close_with(self, code: int, last: bytes) -> None:
        """As an application's ``websocket.close``, with frames before it."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.conn.send_close(code)
        self.transport.write(last + b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_on()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.flow is not None:
            self.flow.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._pong and not (self.close_sent or self.disconnected):
            self.transport.write(self._pong)
            self._pong = b""
        if self.flow is not None:
            self.flow.resume()
