"""ASGI, from a request for an upgrade to its answer."""

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected

from chatctl_server.live import handshake
from chatctl_server.live.extensions import PEER, WAITS, WEBSOCKET

if TYPE_CHECKING:
    from chatctl_server.live.websocket_protocol import WebSocketProtocol

logger = logging.getLogger("chatctl.server")


def websocket_scope(
    target: bytes, headers: list[handshake.Header], server: Any, client: Any, peer: Any
) -> dict[str, Any]:
    """The ASGI scope of a request for an upgrade."""
    raw_path, _, query = target.partition(b"?")
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    if peer is not None:
        extensions[PEER] = peer
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": server,
        "client": client,
        "root_path": "",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "subprotocols": [],
        "extensions": extensions,
    }


class Opening:
    """``key``: what the accept proves the request with."""

    __slots__ = ("_connection", "_headers", "_is_told", "_key", "_lost", "_status")

    def __init__(self, connection: "WebSocketProtocol", key: bytes) -> None:
        self._connection = connection
        self._key = key
        self._is_told = False
        self._status = HTTPStatus.FORBIDDEN.value
        self._headers: list[handshake.Header] = []
        self._lost: asyncio.Event | None = None

    async def run(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except ClientDisconnected:
            pass
        except Exception:
            logger.exception("a WebSocket failed")
        finally:
            self._connection.opened()

    def lose(self) -> None:
        if self._lost is not None:
            self._lost.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._is_told:
            self._is_told = True
            return {"type": "websocket.connect"}
        if not self._connection.is_lost:
            self._lost = asyncio.Event()
            await self._lost.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def _send(self, message: Any) -> None:
        match message["type"]:
            case "websocket.accept":
                headers, waits = message.get("headers", ()), message.get(WAITS, False)
                self._connection.accept(self._key, headers, waits=waits)
            case "websocket.http.response.start":
                self._status, self._headers = message["status"], list(message["headers"])
            case "websocket.http.response.body" | "websocket.close":
                self._connection.refuse(self._status, self._headers, message.get("body", b""))
            case other:
                raise RuntimeError(f"{other}: an accepted WebSocket is served by {WEBSOCKET}")
