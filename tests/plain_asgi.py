"""The real ``chatctl``, whose sockets have no way past ASGI: rooms are served by ``AsgiWebSocket``.

``python -m plain_asgi PROGRAM ARGUMENTS…`` is ``python -m PROGRAM ARGUMENTS…``; the program is
``chatctl`` or a module that runs it with a change of its own.
"""

import runpy
import sys
from typing import Any

from chatctl_server import serving


class PlainWebSocketProtocol(serving.WebSocketProtocol):
    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            del extensions["chatctl.websocket"]


if __name__ == "__main__":
    serving.WebSocketProtocol = PlainWebSocketProtocol  # type: ignore[misc]
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
