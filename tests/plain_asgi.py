"""The real ``chatctl``, whose sockets have no way past ASGI: rooms are served by ``AsgiWebSocket``.

``python -m plain_asgi PROGRAM ARGUMENTS…`` is ``python -m PROGRAM ARGUMENTS…``; the program is
``chatctl`` or a module that runs it with a change of its own.
"""

import runpy
import sys

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from chatctl_server import serving
from chatctl_server.live.http_protocol import HttpProtocol

if __name__ == "__main__":
    # What uvicorn has of its own.
    serving.WebSocketProtocol = WebSocketsSansIOProtocol  # type: ignore[misc, assignment]
    HttpProtocol._upgrade = HttpToolsProtocol.handle_websocket_upgrade  # type: ignore[method-assign]
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
