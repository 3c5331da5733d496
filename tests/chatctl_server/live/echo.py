"""A server that says again whatever it hears, over the product's protocol classes.

``python echo.py HANDLE TRANSPORT``: a listening socket, and ``fast`` (the scope extension) or
``asgi``. As uvicorn's settings of ``chatctl serve``.
"""

import asyncio
import socket
import sys
from typing import Any

import uvicorn
import uvloop

from chatctl_server.live.http_protocol import HttpProtocol
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.live.websocket_protocol import WebSocketProtocol
from chatctl_server.settings.sources import Settings


class Echoing(WebSocketProtocol):
    """Binary messages, which a room has no use for, are said again here."""

    def _receive(self, data: bytes, *, is_text: bool) -> None:
        if is_text or self.close_sent:
            super()._receive(data, is_text=is_text)
        else:
            self.conn.send_binary(data)
            self.transport.write(b"".join(self.conn.data_to_send()))


class Unhurried:
    """A client that is slow is waited for."""

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    is_fast = sys.argv[2] == "fast"
    transport = (
        scope["extensions"]["chatctl.websocket"] if is_fast else AsgiWebSocket(receive, send)
    )
    transport.start(Unhurried())

    def hear(message: bytes | None) -> None:
        if message is not None:
            transport.write(transport.frame(message))

    await transport.serve(hear)
    await transport.end()


def main() -> None:
    config = uvicorn.Config(
        echo,
        http=HttpProtocol,
        ws=Echoing,
        lifespan="off",
        log_level="error",
        ws_max_size=Settings().max_frame_bytes,
        ws_per_message_deflate=False,
    )
    listening = socket.socket(fileno=int(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
