"""One connection to a receiver: a request, its answer, and perhaps another request."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple, cast

from chatctl_server.workers.callbacks.http_answers import (
    Answer,
    BadAnswer,
    Reading,
    Reason,
    SendFailed,
)

BODY_SECONDS = 1.0
SLICE_BYTES = 256 * 1024


class HttpRequest(NamedTuple):
    """``deadline`` is the loop's time."""

    head: bytes
    body: bytes
    deadline: float


class HttpConnection(asyncio.Protocol):
    """One exchange at a time. ``origin`` names the receiver in errors; ``lost`` is called once,
    when the connection has ended."""

    def __init__(self, origin: str, lost: "Callable[[HttpConnection], None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._origin = origin
        self._lost = lost
        self._reading = Reading()
        self._answered: asyncio.Future[Answer] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_paused = False
        self._is_sent = True
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.has_heard = False  # a byte of the present answer
        self.idle_since: float | None = None

    async def exchange(self, request: HttpRequest) -> Answer:
        """Raises SendFailed. When it raises or is cancelled, the connection is closed."""
        self._reading.restart()
        self.has_heard = self._is_sent = False
        if self._transport.is_closing():
            raise SendFailed("reset", f"{self._origin} closed the connection.")
        self._deadline = request.deadline
        answered: asyncio.Future[Answer] = self._loop.create_future()
        self._answered = answered
        self._timer = self._loop.call_at(request.deadline, self._expire)
        try:
            await self._send(request, answered)
            return await answered
        except asyncio.CancelledError:
            if not answered.cancel() and not answered.cancelled():
                answered.exception()  # nobody is left to be told
            self.abort()
            raise
        finally:
            self._timer.cancel()

    @property
    def is_usable(self) -> bool:
        """For another exchange. What is unsent after the answer may never be read."""
        return (
            self._reading.can_go_on
            and self._is_sent
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()
        )

    def abort(self) -> None:
        self._transport.abort()

    async def _send(self, request: HttpRequest, answered: asyncio.Future[Answer]) -> None:
        """Waits while the receiver does not read, unless it has answered already."""
        if len(request.body) <= SLICE_BYTES:
            self._transport.write(request.head + request.body)
        else:
            self._transport.write(request.head)
            whole = memoryview(request.body)
            for start in range(0, len(whole), SLICE_BYTES):
                self._transport.write(whole[start : start + SLICE_BYTES])
                await self._room_to_write(answered)
                if answered.done():
                    return
        self._is_sent = True

    async def _room_to_write(self, answered: asyncio.Future[Answer]) -> None:
        while self._is_paused and not answered.done():
            self._drained = self._loop.create_future()
            await self._drained

    def _release_writer(self) -> None:
        if self._drained and not self._drained.done():
            self._drained.set_result(None)

    # What follows is called by the transport and the timer.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._release_writer()

    def data_received(self, data: bytes) -> None:
        if not self._is_waiting():
            self.abort()  # nobody asked
            return
        self.has_heard = True
        knew_status = self._reading.status
        try:
            self._reading.feed(data)
        except BadAnswer as error:
            self._fail(SendFailed("bad_answer", f"{self._origin} {error}."))
            return
        if self._reading.is_over:
            self._finish(is_cut=True)
        elif self._reading.is_complete:
            self._finish()
        elif self._reading.status and not knew_status:
            self._hurry()

    def eof_received(self) -> None:
        """The transport would wait until all is sent before it tells of the loss."""
        self._end(None)
        self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)
        self._release_writer()
        if not self.closed.done():
            self.closed.set_result(None)
        self._lost(self)

    def _is_waiting(self) -> bool:
        return self._answered is not None and not self._answered.done()

    def _hurry(self) -> None:
        """The head decides: the rest may take a second, within the deadline."""
        _acknowledge(self._transport)
        self._timer.cancel()
        soon = min(self._loop.time() + BODY_SECONDS, self._deadline)
        self._timer = self._loop.call_at(soon, self._expire)

    def _expire(self) -> None:
        if not self._is_waiting():
            return
        if self._reading.status:
            self._finish(is_cut=True)
        else:
            self._fail(SendFailed("timeout", f"{self._origin} did not answer in time."))

    def _end(self, error: Exception | None) -> None:
        if not self._is_waiting():
            return
        if self._reading.status:
            is_whole = error is None and self._reading.ends_with_the_connection
            self._finish(is_cut=not is_whole)
        elif error is None:
            detail = f"{self._origin} closed the connection without an answer."
            self._fail(SendFailed("reset", detail))
        else:
            self._fail(failed(self._origin, error))

    def _finish(self, *, is_cut: bool = False) -> None:
        assert self._answered
        self._answered.set_result(self._reading.answer(is_cut=is_cut))
        self._release_writer()
        if is_cut or not self.is_usable:
            self.abort()

    def _fail(self, failure: SendFailed) -> None:
        assert self._answered
        self._answered.set_exception(failure)
        self._release_writer()
        self.abort()


def _acknowledge(transport: asyncio.Transport) -> None:
    """At once what has come: a receiver that writes head and body apart, as Python's http.server
    does, holds the body back until then, and Linux would take 40 ms (RFC 9293, 3.7.4)."""
    if hasattr(socket, "TCP_QUICKACK"):
        used = transport.get_extra_info("socket")
        used.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def failed(origin: str, error: Exception) -> SendFailed:
    """What the error of a socket, of the name's look-up or of TLS means."""
    reason, detail = _meaning(origin, error)
    return SendFailed(reason, detail)


def _meaning(origin: str, error: Exception) -> tuple[Reason, str]:
    meaning: tuple[Reason, str] = ("network", f"The connection to {origin} failed.")
    match error:
        case TimeoutError():
            meaning = "timeout", f"{origin} could not be reached in time."
        case ConnectionRefusedError():
            meaning = "refused", f"{origin} refused the connection."
        case ConnectionError():
            meaning = "reset", f"{origin} reset the connection."
        case socket.gaierror():
            meaning = "dns", f"The name of {origin} was not found: {error.strerror}."
        case ssl.SSLCertVerificationError():
            problem = error.verify_message.rstrip(".")
            meaning = "tls", f"The certificate of {origin} is not valid: {problem}."
        case ssl.SSLError():
            meaning = "tls", f"TLS with {origin} failed: {error.reason or error}."
        case OSError(strerror=str(problem)):
            meaning = "network", f"{origin} could not be reached: {problem}."
    return meaning
