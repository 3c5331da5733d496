"""The protocol class for HTTP given to uvicorn: a subclass of its own.

It adds limits on the time and size until a request's headers are complete, on connections and how
fast they begin, the peer's uid on the admin socket, and streams that write past ASGI.
"""

import asyncio
import json
import re
import time
import weakref
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatctl_server.domain import close_codes
from chatctl_server.live import handshake, tcp
from chatctl_server.live.arrivals import Arrivals
from chatctl_server.live.extensions import LINE, PEER
from chatctl_server.live.opening import websocket_scope
from chatctl_server.live.tcp import peer_credentials
from chatctl_server.live.timer import Timer
from chatctl_server.live.traffic import Traffic
from chatctl_server.live.transports import HIGH_BYTES, Flow
from chatctl_server.live.websocket_protocol import LogRefused, not_logged

BODY_PATIENCE = 3  # times the handshake's seconds, for a request's body
MAX_HEAD_BYTES = 64 * 1024
# Of another protocol than WebSockets. The parser would take the body for that protocol's.
_FOREIGN_UPGRADE = re.compile(rb"\r\nupgrade:(?![ \t]*websocket[ \t]*(?:\r\n|$))", re.IGNORECASE)


def _refusal(line: str, code: str, detail: str, retry_after: int | None = None) -> bytes:
    """A whole answer, for connections that the application never sees."""
    status, title = line.split(" ", 1)
    problem = {"type": "about:blank", "title": title, "status": int(status), "code": code}
    if retry_after is not None:
        problem["retry_after"] = retry_after
    body = json.dumps({**problem, "detail": detail, "error": detail, "request_id": ""})
    head = (
        f"HTTP/1.1 {line}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
    )
    wait = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
    return f"{head}{wait}\r\n{body}".encode()


HEAD_TOO_LARGE = _refusal(
    "431 Request Header Fields Too Large",
    "too_large",
    f"The request's headers are larger than {MAX_HEAD_BYTES} bytes",
)
TOO_OLD = _refusal("400 Bad Request", "invalid_input", "An upgrade is asked for with HTTP/1.1")
TOO_SOON = _refusal(
    "400 Bad Request",
    "invalid_input",
    "An upgrade is asked for when the request before has its answer, or over another connection",
)
FULL = _refusal(
    "503 Service Unavailable",
    "connection_limit",
    "The server has no place for another connection (MAX_CONNECTIONS)",
    5,
)


def _too_early(seconds: int) -> bytes:
    return _refusal(
        "503 Service Unavailable",
        "connection_limit",
        "Too many connections begin at once (NEW_CONNECTIONS_PER_SECOND)",
        seconds,
    )


class HttpProtocol(HttpToolsProtocol):
    """``handshake_timeout_seconds``, ``max_open``, ``arrivals``, ``log_refused``, ``timer`` and
    ``traffic`` are set by the composition root.

    Beyond ``max_open`` connections of all kinds a further one over TCP is turned away, so that
    files are left for the database and the admin socket.
    """

    handshake_timeout_seconds: float = 10.0
    max_open: int = 100_000
    arrivals = Arrivals(0)
    log_refused: LogRefused = staticmethod(not_logged)
    timer = Timer()
    traffic = Traffic()
    _is_surplus = False
    _has_body_to_come = False
    _received = b""  # last
    _upgrades: bool | None = None
    _head_bytes = 0  # of a request whose headers are not complete
    _complete_by: float | None = None  # what is under way, the headers or the body
    _stream: Flow | None = None  # that it answers with, past ASGI
    _lost: asyncio.Event | None = None
    peer: dict[object, object] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = peer_credentials(transport)
        self._is_surplus = self.peer is None and len(self.connections) > self.max_open
        self.timer.add(self)
        self._start_handshake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.timer.discard(self)
        if self._lost is not None:
            self._lost.set()
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        """Called by the timer."""
        if self._complete_by is not None and now >= self._complete_by:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        is_body = self._has_body_to_come and self._complete_by is not None
        if not is_body:
            head, blank, rest = data.partition(b"\r\n\r\n")
            data = _FOREIGN_UPGRADE.sub(b"\r\nx-declined-upgrade:", head) + blank + rest
            self._received = self._received[-3:] + data  # with the beginning of a blank line
        super().data_received(data)
        if self._complete_by is None or self._has_body_to_come or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {LINE: weakref.ref(self)}  # the scope is in it
        if self.peer is not None:
            extensions[PEER] = self.peer
        self.scope["extensions"] = extensions
        self._upgrades = None
        if self._complete_by is None:
            self._start_handshake()

    def _should_upgrade(self) -> bool:
        """It is asked three times of each request."""
        if self._upgrades is None:
            self._upgrades = super()._should_upgrade()
        return self._upgrades

    def on_headers_complete(self) -> None:
        if self._is_surplus:
            self.traffic.surplus += 1
            self._turn_away(FULL, 503)
            return
        self._has_body_to_come = True
        self._start_handshake(BODY_PATIENCE)
        super().on_headers_complete()

    def _turn_away(self, answer: bytes, status: int) -> None:
        self.transport.write(answer)
        self.transport.close()
        path = self.url.partition(b"?")[0]
        method = self.parser.get_method().decode("ascii")
        self.log_refused({**self.scope, "method": method, "raw_path": path}, status)

    def on_body(self, body: bytes) -> None:
        if not self._is_surplus:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_body_to_come = False
        self._complete_by = None
        if not self._is_surplus:
            super().on_message_complete()

    def shutdown(self) -> None:
        """A request that is not here yet is not waited for: nothing of it has been done."""
        if self._has_body_to_come and not self.pipeline:
            self.transport.abort()
            return
        if self._stream is not None:
            self._stream.finish(close_codes.RESTART)
        tcp.cut_off_if_stalled(self.loop, self.transport)
        super().shutdown()

    def attach(self, flow: Flow, lost: asyncio.Event) -> None:
        """A stream writes to the transport by itself: what ASGI says of it goes to that."""
        self._stream, self._lost = flow, lost
        if self.transport.is_closing():
            lost.set()
        else:
            self.transport.set_write_buffer_limits(HIGH_BYTES, HIGH_BYTES // 2)

    def detach(self) -> None:
        self._stream = self._lost = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stream is not None:
            self._stream.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stream is not None:
            self._stream.resume()

    def on_response_complete(self) -> None:
        """Whoever was answered before the end of their request may not go on with it."""
        super().on_response_complete()
        if self._has_body_to_come:
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        if self._is_surplus:
            return
        if self.peer is None:
            seconds = self.arrivals.seconds_to_wait(time.monotonic_ns() // 1000)
            if seconds:
                self.traffic.early += 1
                self._turn_away(_too_early(seconds), 503)
                return
        if self.cycle is not None and not self.cycle.response_complete:
            self._turn_away(TOO_SOON if self._stream is None else b"", 400)
            return
        if self.scope["http_version"] != "1.1":
            self._turn_away(TOO_OLD, 400)
            return
        self.timer.discard(self)  # the other protocol's turn
        self._upgrade()
        early = self._received.partition(b"\r\n\r\n")[2]
        if early:  # frames of a client that does not wait for the answer
            self.transport.get_protocol().data_received(early)  # type: ignore[attr-defined]
        self.parser = None  # type: ignore[assignment]  # it refers to what refers to it

    def _upgrade(self) -> None:
        is_get = self.scope["method"] == "GET"
        key = handshake.accept_key(self.url, self.headers) if is_get else None
        if key is None:
            super().handle_websocket_upgrade()
            return
        self.connections.discard(self)
        upgraded: Any = self.ws_protocol_class  # a subclass of WebSocketProtocol
        protocol = upgraded(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.connection_made(self.transport)
        scope = websocket_scope(self.url, self.headers, self.server, self.client, self.peer)
        protocol.upgrade(scope, key)
        self.transport.set_protocol(protocol)

    def _start_handshake(self, patience: int = 1) -> None:
        self._head_bytes = 0
        self._complete_by = self.loop.time() + patience * self.handshake_timeout_seconds
