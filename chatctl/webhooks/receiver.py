"""An HTTP/1.1 server for callbacks: it reads whole requests, and each gets the answer it is judged
to get. It knows nothing about what they say."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

import httptools

MOST_BODY_BYTES = 64 * 1024 * 1024
MOST_HEAD_BYTES = 64 * 1024
MOST_CONNECTIONS = 1000  # one more is closed at once, and its sender tries again
_CHUNK = 256 * 1024
_LINGER_SECONDS = 2.0
_BODILESS = (204, 304)


@dataclass
class ReceivedRequest:
    """``at``: when its head was read, Unix seconds. ``headers`` have their names in lower case.
    ``refusal``: a status that it must get, because it is too large."""

    at: float = 0
    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    refusal: int | None = None
    keeps_alive: bool = False


class Reply(NamedTuple):
    """``finish`` is called with whether somebody was there to hear it."""

    status: int
    text: str
    finish: Callable[[bool], None]
    kind: str = "text/plain; charset=utf-8"


class Listening(NamedTuple):
    """``delay_seconds`` before each answer."""

    host: str
    port: int
    delay_seconds: float
    judge: Callable[[ReceivedRequest], Reply]
    garbage: Callable[[bytes], None]


class CannotListen(Exception):
    """Its text says why."""


class ReceiverServer:
    """Listens from ``start`` until ``stop`` is called, or SIGINT or SIGTERM comes. What ``judge``
    or ``finish`` raises ends it."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, ready: Callable[[str], None]) -> None:
        """``ready`` is told the URL. Raises CannotListen."""
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = loop.create_future()
        host, port = self._listening.host, self._listening.port
        try:
            server = await asyncio.start_server(self._connected, host, port, backlog=512)
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno is None:
                raise CannotListen(error) from error
            raise CannotListen(os.strerror(error.errno)) from error
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            ready(_url(server.sockets[0]))
            await self._ended
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MOST_CONNECTIONS or self._ended.done():
            writer.close()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="callbacks listen")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._ended.done():
            self._ended.set_exception(error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(_Reading(), reader, writer)
        except _Gone:
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LINGER_SECONDS):
                    await writer.wait_closed()

    async def _talk(
        self, reading: "_Reading", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await _read(reader):
            is_http = reading.feed(data)
            if reading.is_asked_to_continue:
                await _write(writer, b"HTTP/1.1 100 Continue\r\n\r\n")
            while reading.requests:
                request = reading.requests.popleft()
                await self._respond(request, reader, writer)
                if request.refusal is not None:
                    await _linger(reader, writer)
                if not request.keeps_alive:
                    return
            if not is_http:
                self._listening.garbage(data)
                await _write(writer, _answer(400, "this is no HTTP/1.1 request", is_last=True))
                return

    async def _respond(
        self, request: ReceivedRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        reply = self._listening.judge(request)
        is_heard = False
        try:
            await asyncio.sleep(self._listening.delay_seconds)
            if self._listening.delay_seconds and reader.at_eof():
                raise _Gone  # it lost its patience
            is_last = not request.keeps_alive
            await _write(writer, _answer(reply.status, reply.text, reply.kind, is_last=is_last))
            is_heard = True
        finally:
            reply.finish(is_heard)


class _Gone(Exception):
    """The other side is."""


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_CHUNK)
    except OSError as error:
        raise _Gone from error


async def _write(writer: asyncio.StreamWriter, said: bytes) -> None:
    try:
        writer.write(said)
        await writer.drain()
    except OSError as error:
        raise _Gone from error


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closing on what is not read would reset the connection, and the answer with it (RFC 9112,
    9.6)."""
    with contextlib.suppress(TimeoutError, OSError):
        writer.write_eof()
        async with asyncio.timeout(_LINGER_SECONDS):
            while await _read(reader):
                pass


def _answer(status: int, text: str, kind: str = "text/plain", *, is_last: bool) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    body = b"" if status in _BODILESS else f"{text}\n".encode() if text else b""
    lines = [f"HTTP/1.1 {status} {phrase}"]
    if status not in _BODILESS:
        lines += [f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: POST")
    if is_last:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Reading:
    """What httptools finds in the bytes of one connection; ``requests`` are whole ones."""

    def __init__(self) -> None:
        self.requests: deque[ReceivedRequest] = deque()
        self._parser = httptools.HttpRequestParser(self)
        self._request = ReceivedRequest()
        self._target = b""
        self._body = bytearray()
        self._head_bytes = 0
        self._is_continued = False

    def feed(self, data: bytes) -> bool:
        """False when it is no HTTP."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return True

    @property
    def is_asked_to_continue(self) -> bool:
        """Once for each request that waits for it."""
        asked, self._is_continued = self._is_continued, False
        return asked

    # httptools calls these

    def on_message_begin(self) -> None:
        self._request = ReceivedRequest()
        self._target, self._body, self._head_bytes = b"", bytearray(), 0

    def on_url(self, url: bytes) -> None:
        if self._fits_head(url):
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._fits_head(name + value):
            self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        request = self._request
        request.at = time.time()
        request.method = self._parser.get_method().decode("latin-1")
        request.path = self._target.decode("latin-1").partition("?")[0]
        length = request.headers.get("content-length", "0")
        if len(length) > 15 or int(length) > MOST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif request.headers.get("expect", "").lower() == "100-continue":
            self._is_continued = request.refusal is None

    def on_body(self, chunk: bytes) -> None:
        if len(self._body) + len(chunk) > MOST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif self._request.refusal is None:
            self._body += chunk

    def on_message_complete(self) -> None:
        if self._request.refusal is None:
            self._request.body = bytes(self._body)
            is_alone = self._parser.should_upgrade() or not self._parser.should_keep_alive()
            self._request.keeps_alive = not is_alone
            self.requests.append(self._request)

    def _fits_head(self, part: bytes) -> bool:
        self._head_bytes += len(part)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return self._head_bytes <= MOST_HEAD_BYTES

    def _refuse(self, status: HTTPStatus) -> None:
        if self._request.refusal is None:
            self._request.refusal = int(status)
            self._request.at = time.time()
            self.requests.append(self._request)
