"""A server that says again whatever it hears, over the product's protocol classes.

``python echo.py HANDLE TRANSPORT``: a listening socket, and ``fast`` (the scope extension) or
``asgi``, over uvicorn's own classes. As uvicorn's settings of ``chatctl serve``.
"""

import asyncio
import socket
import sys
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from chatctl_server.live.http_protocol import HttpProtocol
from chatctl_server.live.transports import AsgiWebSocket, Transport
from chatctl_server.live.websocket_protocol import WebSocketProtocol
from chatctl_server.settings.sources import Settings


class Echoing(WebSocketProtocol):
    """Binary messages, which a room has no use for, are said again here."""

    __slots__ = ()

    def _receive_binary(self, data: bytes) -> None:
        library = self._made_library()
        library.send_binary(data)
        self.write(b"".join(library.data_to_send()))


class Echo:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def receive(self, message: bytes | None) -> None:
        if message is not None:
            self._transport.write(self._transport.frame(message))

    def disconnected(self) -> None: ...
    def ended(self) -> None: ...


class Unhurried:
    """A client that is slow is waited for."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def finish(self, code: int) -> None: ...


async def echo(scope: Any, receive: Any, send: Any) -> None:
    async def receive_text() -> Any:
        event = await receive()
        if event.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": event["bytes"]})
        return event

    await receive()
    await send({"type": "websocket.accept"})
    is_fast = sys.argv[2] == "fast"
    transport: Transport = (
        scope["extensions"]["chatctl.websocket"] if is_fast else AsgiWebSocket(receive_text, send)
    )
    transport.start(Unhurried())
    await transport.serve(Echo(transport))


def main() -> None:
    is_fast = sys.argv[2] == "fast"
    config = uvicorn.Config(
        echo,
        http=HttpProtocol if is_fast else HttpToolsProtocol,
        ws=Echoing if is_fast else WebSocketsSansIOProtocol,
        lifespan="off",
        log_level="error" if is_fast else "critical",  # uvicorn's own tells of invalid UTF-8
        ws_max_size=Settings().max_frame_bytes,
        ws_per_message_deflate=False,
    )
    listening = socket.socket(fileno=int(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
