"""The fast path above a socket that the test holds and lets go."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from chatctl_server.live import transports
from chatctl_server.live.websocket_protocol import WebSocketProtocol


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Never asked: the handshake is over."""


CONFIG = uvicorn.Config(_application, lifespan="off", log_config=None, ws_per_message_deflate=False)


class HeldSocket(asyncio.Transport):
    """Gives what is written to ``take`` while the client reads, and is full as a real one is."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__()
        self._take = take
        self._unsent = b""
        self._is_read = False
        self._is_full = False
        self._protocol = WebSocketProtocol(CONFIG, ServerState(), {})
        self._protocol.connection_made(self)
        self._protocol.accept(b"", [])
        self._unsent = b""  # the accept
        self._is_read = True

    @property
    def extension(self) -> WebSocketProtocol:
        return self._protocol

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self._unsent += data
        if self._is_read:
            self._let_go()
        elif len(self._unsent) > transports.HIGH_BYTES and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()

    def hold(self) -> None:
        self._is_read = False

    def let_go(self) -> None:
        self._is_read = True
        self._let_go()

    def _let_go(self) -> None:
        unsent, self._unsent = self._unsent, b""
        if unsent:
            self._take(unsent)
        if self._is_full:
            self._is_full = False
            self._protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    def set_write_buffer_limits(self, high: Any = None, low: Any = None) -> None:
        """It has its own, which tests set."""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass
