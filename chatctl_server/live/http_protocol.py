"""The protocol class for HTTP given to uvicorn: a subclass of its own.

It adds limits on the time and size until a request's headers are complete, on connections and how
fast they begin, the peer's uid on the admin socket, and streams that write past ASGI.
"""

import asyncio
import re
import time
import weakref
from collections.abc import Callable
from http import HTTPMethod
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatctl_server import errors
from chatctl_server.domain import close_codes
from chatctl_server.live import handshake, tcp
from chatctl_server.live.arrivals import Arrivals
from chatctl_server.live.extensions import LINE, PEER
from chatctl_server.live.opening import websocket_scope
from chatctl_server.live.tcp import peer_credentials
from chatctl_server.live.timer import Timer
from chatctl_server.live.traffic import Traffic
from chatctl_server.live.transports import HIGH_BYTES, Flow

BODY_PATIENCE = 3  # times the handshake's seconds, for a request's body
MAX_HEAD_BYTES = 32 * 1024
MAX_THROWN_AWAY_BYTES = 64 * 1024 * 1024
SMALL_BODY_BYTES = 64 * 1024
# Of another protocol than WebSockets. The parser would take the body for that protocol's.
_UPGRADE_LINE = b"\r\nupgrade:"
_FOREIGN_UPGRADE = re.compile(rb"\r\nupgrade:(?![ \t]*websocket[ \t]*(?:\r\n|$))", re.IGNORECASE)


# Of a request line (RFC 9112, 3).
_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) [^ \r\n]+ HTTP/1\.[01]")


class HeadersTooLarge(errors.TooLarge):
    status, title = 431, "Request headers too large"


def _too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"The request's headers are larger than {MAX_HEAD_BYTES // 1024} KiB")


def _open_line(head: bytes) -> bytes:
    """At its end, what may become a foreign upgrade, or the blank line."""
    if head.endswith(b"\r\n\r"):
        return head[-3:]
    tail = head[head.rfind(b"\r") :] if b"\r" in head else b""
    return tail if _UPGRADE_LINE.startswith(tail[: len(_UPGRADE_LINE)].lower()) else b""


Refused = Callable[[dict[str, Any], errors.ChatctlError], bytes]


def _without_words(scope: dict[str, Any], refusal: errors.ChatctlError) -> bytes:
    head = f"HTTP/1.1 {refusal.status} {refusal.title}\r\n"
    return f"{head}connection: close\r\ncontent-length: 0\r\n\r\n".encode()


class HttpProtocol(HttpToolsProtocol):
    """``handshake_timeout_seconds``, ``max_open``, ``arrivals``, ``refused``, ``timer`` and
    ``traffic`` are set by the composition root; ``refused`` makes the whole answer to a request
    that the application never sees.

    Beyond ``max_open`` connections of all kinds a further one over TCP is turned away, so that
    files are left for the database and the admin socket.
    """

    handshake_timeout_seconds: float = 10.0
    max_open: int = 100_000
    arrivals = Arrivals(0)
    refused: Refused = staticmethod(_without_words)
    timer = Timer()
    traffic = Traffic()
    _is_surplus = False
    _is_turned_away = False
    _has_body_to_come = False
    _has_long_body = False
    _behind_head = b""  # what came last behind a blank line
    _line = b""  # the first one of what came last before that
    _unfinished = b""  # line of a head, that the parser has not got
    _thrown_away: int | None = None  # bytes of a request that was answered before its end
    _upgrades: bool | None = None
    _head_bytes = 0  # of a request whose headers are not complete
    _here_bytes = 0  # of those, in what came last
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
        if self._thrown_away is not None:
            self._throw_away(len(data))
            return
        is_body = self._has_body_to_come and self._complete_by is not None
        size = len(data)
        if not is_body:
            head, blank, rest = (self._unfinished + data).partition(b"\r\n\r\n")
            self._unfinished = b"" if blank else _open_line(head)
            head = head.removesuffix(self._unfinished)
            data = _FOREIGN_UPGRADE.sub(b"\r\nx-declined-upgrade:", head) + blank + rest
            self._line = head.partition(b"\r\n")[0]
            self._behind_head = rest
            self._here_bytes = len(head)
        super().data_received(data)
        if self._complete_by is None or self._has_body_to_come or self.transport.is_closing():
            return
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._turn_away(_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {LINE: weakref.ref(self)}  # the scope is in it
        if self.peer is not None:
            extensions[PEER] = self.peer
        self.scope["extensions"] = extensions
        self._upgrades = None
        self._has_long_body = False
        if self._complete_by is None:
            self._start_handshake()

    def _should_upgrade(self) -> bool:
        """It is asked three times of each request."""
        if self._upgrades is None:
            self._upgrades = super()._should_upgrade()
        return self._upgrades

    def on_headers_complete(self) -> None:
        if self._is_turned_away:
            return
        if self._is_surplus:
            self.traffic.surplus += 1
            detail = "The server has no place for another connection (MAX_CONNECTIONS)"
            self._turn_away(errors.ConnectionLimit(detail, retry_after=5))
            return
        if self._head_bytes + self._here_bytes > MAX_HEAD_BYTES:
            self._turn_away(_too_large())
            return
        self._has_body_to_come = True
        self._start_handshake(BODY_PATIENCE)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser does not take."""
        found = _METHOD.fullmatch(self._line)
        method = found[1].decode("ascii") if found is not None else ""
        refusal: errors.ChatctlError
        if found is None or self._has_body_to_come or method in set(HTTPMethod):
            refusal = errors.InvalidInput("This is no well-formed HTTP request")
        else:
            refusal = errors.MethodNotAllowed(f"There is no method {method}")
        self._turn_away(refusal, method)

    def _turn_away(self, refusal: errors.ChatctlError, method: str | None = None) -> None:
        """Into a stream that is open nothing is written."""
        self._is_turned_away = True
        if self._stream is None and self.scope is not None:
            raw_path = self.url.partition(b"?")[0]
            if method is None:
                method = self.parser.get_method().decode("ascii")
            scope = {**self.scope, "method": method, "path": "", "raw_path": raw_path}
            self.transport.write(self.refused(scope, refusal))
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        if not self._is_turned_away:
            super().on_body(body)
        if self._has_long_body:
            self._start_handshake(BODY_PATIENCE)

    def expect_much(self) -> None:
        """Of a body's time each piece has as much as others have for the whole."""
        self._has_long_body = True

    def on_message_complete(self) -> None:
        self._has_body_to_come = False
        self._complete_by = None
        if not self._is_turned_away:
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
        """Whoever was answered before the end of their request may not go on behind it, unless what
        is left is small. What comes is thrown away, so that the answer arrives: closing at once
        would be a reset, in which it is lost."""
        is_its_own = self._has_body_to_come and not self.pipeline and not self._has_small_body()
        super().on_response_complete()
        if is_its_own and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._thrown_away = 0
            self.transport.write_eof()

    def _has_small_body(self) -> bool:
        """Most clients send head and body apart, and use the connection again: closed behind a
        refusal, it would fail their next request. Who waits for 100 Continue may send no body."""
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        is_small = length.isdigit() and int(length) <= SMALL_BODY_BYTES
        return is_small and not self.expect_100_continue

    def _throw_away(self, size: int) -> None:
        assert self._thrown_away is not None
        self._thrown_away += size
        if self._thrown_away > MAX_THROWN_AWAY_BYTES:
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        if self._is_turned_away:
            return
        if self.peer is None:
            seconds = self.arrivals.seconds_to_wait(time.monotonic_ns() // 1000)
            if seconds:
                self.traffic.early += 1
                detail = "Too many connections begin at once (NEW_CONNECTIONS_PER_SECOND)"
                self._turn_away(errors.ConnectionLimit(detail, retry_after=seconds))
                return
        if self.cycle is not None and not self.cycle.response_complete:
            detail = "An upgrade is asked for behind the last answer, or over another connection"
            self._turn_away(errors.InvalidInput(detail))
            return
        if self.scope["http_version"] != "1.1":
            self._turn_away(errors.InvalidInput("An upgrade is asked for with HTTP/1.1"))
            return
        self.timer.discard(self)  # the other protocol's turn
        self._upgrade()
        early, self._behind_head = self._behind_head, b""
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
