"""What stands for a client's line: a transport of the hub, a socket below the protocol class, and
one that the test holds and lets go. And the loop in which the hub waits for the test."""

import asyncio
import functools
from collections import deque
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from chatctl_server.live import transports
from chatctl_server.live.hub import Hub
from chatctl_server.live.transports import Flow, Handler
from chatctl_server.live.websocket_protocol import WebSocketProtocol


class HeldLoop(asyncio.SelectorEventLoop):
    """Holds what the hub schedules, until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.held: deque[Callable[[], None]] = deque()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        if isinstance(getattr(callback, "__self__", None), Hub):
            self.held.append(functools.partial(callback, *args))
            return asyncio.Handle(callback, args, self)
        return super().call_soon(callback, *args, context=context)


class Line:
    """The extension ``chatctl.websocket`` that keeps what it is written; of that, its client has
    ``unsent`` bytes still to take."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.unsent = 0
        self.code: int | None = None
        self.gone = asyncio.Event()

    @property
    def told(self) -> bytes:
        return b"".join(self.writes)

    @property
    def is_aborted(self) -> bool:
        return self.gone.is_set()

    def start(self, flow: Flow) -> None: ...
    def hold_reading(self) -> None: ...
    def read_on(self) -> None: ...

    def frame(self, payload: bytes, offset: int | None = None) -> bytes:
        return payload

    def write(self, frames: bytes) -> None:
        self.writes.append(frames)
        self.unsent += len(frames)

    def close(self, code: int, last: bytes = b"", *, overtaking: bool = False) -> None:
        self.writes += [last] if last else []
        self.unsent += len(last) + 4
        self.code = code

    def abort(self) -> None:
        self.gone.set()

    def unsent_bytes(self) -> int:
        return self.unsent

    async def serve(self, handler: Handler) -> None:
        await self.gone.wait()
        handler.disconnected()
        handler.ended()


class Socket(asyncio.Transport):
    """Of a client that reads everything."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.protocol: Any = None
        self.is_reading_ = True
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 80)}.get(name, default)

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        if not self.is_closed:
            self.sent += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: Any = None, low: Any = None) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_reading_ = False

    def resume_reading(self) -> None:
        self.is_reading_ = True


class HeldSocket(Socket):
    """Below the fast path; gives what is written to ``take`` while the client reads, and is full
    as a real one is."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__()
        self._take = take
        self._is_read = False
        self._is_full = False
        self.extension = WebSocketProtocol(CONFIG, ServerState(), {})
        self.extension.connection_made(self)
        self.extension.accept(b"", [])
        self.sent = b""  # the accept
        self._is_read = True

    def write(self, data: Any) -> None:
        self.sent += data
        if self._is_read:
            self.let_go()
        elif len(self.sent) > transports.HIGH_BYTES and not self._is_full:
            self._is_full = True
            self.extension.pause_writing()

    def hold(self) -> None:
        self._is_read = False

    def let_go(self) -> None:
        self._is_read = True
        unsent, self.sent = self.sent, b""
        if unsent:
            self._take(unsent)
        if self._is_full:
            self._is_full = False
            self.extension.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.sent)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Never asked: the handshake is over."""


CONFIG = uvicorn.Config(_application, lifespan="off", log_config=None, ws_per_message_deflate=False)
