"""An HTTP server for callbacks: each gets the answer it is judged to get. It knows nothing about
what they say."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from typing import Any, NamedTuple

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BODY_BYTES = 64 * 1024 * 1024
MOST_REQUESTS = 1000  # at once; one more is told 503, and its sender tries again
_BODILESS = (204, 304)


class ReceivedRequest(NamedTuple):
    """``at``: when its head was read, Unix seconds. ``headers`` have their names in lower case.
    ``refusal``: a status that it must get, because it is too large."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    refusal: int | None = None


class Reply(NamedTuple):
    """``finish`` is called with whether somebody was there to hear it."""

    status: int
    text: str
    finish: Callable[[bool], None]
    kind: str = "text/plain; charset=utf-8"


class Listening(NamedTuple):
    """``delay_seconds`` before each answer. ``garbage`` is called for what is no HTTP."""

    host: str
    port: int
    delay_seconds: float
    judge: Callable[[ReceivedRequest], Reply]
    garbage: Callable[[bytes], None]


class CannotListen(Exception):
    """Its text says why."""


class ReceiverServer:
    """Listens until ``stop`` is called, or SIGINT or SIGTERM comes. What ``judge`` or ``finish``
    raises ends it."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._error: BaseException | None = None

    def run(self, ready: Callable[[str], None]) -> None:
        """``ready`` is told the URL. Raises CannotListen."""
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        garbage = self._listening.garbage

        class ReceiverProtocol(HttpToolsProtocol):
            def data_received(self, data: bytes) -> None:
                self.newest = data
                super().data_received(data)

            def send_400_response(self, msg: str) -> None:
                garbage(self.newest)
                super().send_400_response("this is no HTTP/1.1 request")

        config = uvicorn.Config(
            self._respond,
            interface="asgi3",
            http=ReceiverProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_REQUESTS,
        )
        with closing(_bound(self._listening.host, self._listening.port)) as bound:
            self._server = _ReceiverServer(config)
            ready(_url(bound))
            asyncio.run(self._server.serve([bound]))
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._server.should_exit = True

    async def _respond(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            request = await _read(scope, receive)
            if request is not None:
                await self._answer(request, receive, send)
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            self._error = error
            self.stop()

    async def _answer(self, request: ReceivedRequest, receive: Any, send: Any) -> None:
        reply = self._listening.judge(request)
        is_heard = False
        try:
            async with asyncio.timeout(self._listening.delay_seconds):
                await receive()  # whoever waits for the answer says nothing more
        except TimeoutError:
            is_heard = True
            await _say(reply, send)
        finally:
            reply.finish(is_heard)


class _ReceiverServer(uvicorn.Server):
    def handle_exit(self, sig: int, frame: Any) -> None:
        """It is not raised again."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who still waits for an answer gets none."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


async def _read(scope: Any, receive: Any) -> ReceivedRequest | None:
    """To its end, also when it is too large: who is cut off in the middle does not hear why. None
    when it has none."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    request = ReceivedRequest(time.time(), scope["method"], scope["path"], headers)
    body, size = bytearray(), 0
    while (event := await receive())["type"] == "http.request":
        size += len(event["body"])
        if size <= MOST_BODY_BYTES:
            body += event["body"]
        if event["more_body"]:
            continue
        if size > MOST_BODY_BYTES:
            return request._replace(refusal=int(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        return request._replace(body=bytes(body))
    return None


async def _say(reply: Reply, send: Any) -> None:
    headers, body = [], b""
    if reply.status not in _BODILESS:
        body = f"{reply.text}\n".encode() if reply.text else b""
        headers = [("Content-Length", str(len(body))), ("Content-Type", reply.kind)]
    if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "POST"))
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno is None:
            raise CannotListen(error) from error
        raise CannotListen(os.strerror(error.errno)) from error


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
