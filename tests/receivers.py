"""Receivers of callbacks: real HTTP servers that behave as badly as a test tells them to.

    with receiver(answer(500), answer(500), answer(200)) as hook:
        ...  # send callbacks to hook.url
        assert [request.json for request in hook.wait_for(3)] == [...]

The behaviours take turns, a request each; the last one stays. ``when`` puts one in front of them
for certain requests. Every connection and every request is recorded, with the time it came.
"""

import asyncio
import atexit
import contextlib
import functools
import gzip
import json
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, TypeVar

import programs

T = TypeVar("T")
Headers = Sequence[tuple[str, str]]
NO_SUCH_NAME = "http://no-such-host.invalid/hook"
TWO_GIGABYTES = 2 * 1024**3
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """``headers`` have their names in lower case. Times are of ``time.monotonic``; without
    ``is_whole`` the body was not read. ``connection`` counts from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    began_at: float
    ended_at: float
    is_whole: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Behaviour:
    """What is said to a request, and what happens then. ``dripped`` follows byte by byte, one every
    ``drip_seconds``; ``endless`` again and again until the other side is gone."""

    said: bytes = b""
    then: Literal["keep", "close", "reset", "hang"] = "keep"
    dripped: bytes = b""
    drip_seconds: float = 0
    endless: bytes = b""
    reads_body: bool = True


@dataclass(frozen=True)
class When:
    applies: Callable[[Request], bool]
    behaviour: Behaviour


def answer(status: int = 200, body: bytes = b"", headers: Headers = ()) -> Behaviour:
    return Behaviour(head(status, len(body), headers) + body)


def answer_and_close(status: int = 200, body: bytes = b"", headers: Headers = ()) -> Behaviour:
    """The end of the body is the end of the connection: there is no Content-Length."""
    return Behaviour(head(status, None, headers) + body, "close")


def answer_then_reset(status: int = 200) -> Behaviour:
    return replace(answer(status), then="reset")


def busy(after: int | str | datetime, status: int = 503) -> Behaviour:
    """With Retry-After: seconds, a date, or any text."""
    value = format_datetime(after, usegmt=True) if isinstance(after, datetime) else str(after)
    return answer(status, headers=[("Retry-After", value)])


def redirect(to: str, status: int = 302) -> Behaviour:
    return answer(status, headers=[("Location", to)])


def hang() -> Behaviour:
    """Not a byte comes, until the other side gives up."""
    return Behaviour(then="hang")


def hang_in_body(status: int = 200) -> Behaviour:
    return Behaviour(head(status, 1000) + b"the beginning", "hang")


def drip(status: int = 200, every_seconds: float = 0.02) -> Behaviour:
    """Byte by byte from the first one on, so that something is always coming."""
    return Behaviour(dripped=head(status, 1000) + bytes(1000), drip_seconds=every_seconds)


def drip_answer(status: int = 200, every_seconds: float = 0.02) -> Behaviour:
    """Byte by byte, until it is there."""
    return Behaviour(dripped=head(status, 0), drip_seconds=every_seconds)


def drip_body(status: int = 200, every_seconds: float = 0.02) -> Behaviour:
    """The head at once, then one byte of body after the other."""
    return Behaviour(head(status, 1000), dripped=bytes(1000), drip_seconds=every_seconds)


def reset() -> Behaviour:
    """When the request is read, instead of an answer."""
    return Behaviour(then="reset")


def close() -> Behaviour:
    """In good order, but without an answer."""
    return Behaviour(then="close")


def reset_in_request() -> Behaviour:
    """Before the request's body is read."""
    return Behaviour(then="reset", reads_body=False)


def reset_in_answer(status: int = 200) -> Behaviour:
    return Behaviour(head(status, 1000) + b"the beginning", "reset")


def answer_unread(status: int = 413) -> Behaviour:
    """Before the request's body is read, which then never is."""
    return replace(answer(status), reads_body=False, then="hang")


def huge(size: int = TWO_GIGABYTES, status: int = 200) -> Behaviour:
    return Behaviour(head(status, size), endless=bytes(1024**2))


def endless(status: int = 200) -> Behaviour:
    return Behaviour(_chunked_head(status), endless=b"10000\r\n" + bytes(0x10000) + b"\r\n")


def gzip_bomb(status: int = 200) -> Behaviour:
    """32 KiB that would become 32 MiB."""
    return answer(status, _bomb(), [("Content-Encoding", "gzip")])


def say(said: bytes, then: Literal["keep", "close", "reset", "hang"] = "keep") -> Behaviour:
    """These very bytes."""
    return Behaviour(said, then)


def when(applies: Callable[[Request], bool], behaviour: Behaviour) -> When:
    return When(applies, behaviour)


def head(status: int, length: int | None, headers: Headers = ()) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    lines.append("Connection: close" if length is None else f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunked_head(status: int) -> bytes:
    return f"HTTP/1.1 {status} Endless\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(32 * 1024**2))


class Receiver:
    """Made by ``receiver``. All its methods may be called from any thread but its own."""

    def __init__(self, behaviours: Sequence[Behaviour | When], tls: "Certificate | None") -> None:
        self.certificate = tls.path if tls else None
        self._tls = tls.context() if tls else None
        if self._tls:
            self._tls.sni_callback = lambda _, name, __: self.server_names.append(name)
        self.server_names: list[str | None] = []  # that TLS was asked for
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._peer_ports: list[int] = []
        self._probes = 0
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self.behave(*behaviours)

    @property
    def port(self) -> int:
        return self._address[1]

    @property
    def origin(self) -> str:
        host, port = self._address
        place = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{place}:{port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/hook"

    @property
    def requests(self) -> list[Request]:
        with self._changed:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        with self._changed:
            return len(self._writers)

    def behave(self, *behaviours: Behaviour | When) -> None:
        """From the next request on."""
        with self._changed:
            self._whens = [one for one in behaviours if isinstance(one, When)]
            self._turns = [one for one in behaviours if isinstance(one, Behaviour)] or [answer()]

    def wait_for(self, count: int, timeout: float = PATIENCE_SECONDS) -> list[Request]:
        """All requests, once there are so many."""
        self.wait_until(lambda: len(self._requests) >= count, f"{count} requests", timeout)
        return self.requests

    def wait_for_connections(self, count: int, timeout: float = PATIENCE_SECONDS) -> None:
        """Until exactly so many are open."""
        self.wait_until(lambda: len(self._writers) == count, f"{count} connections", timeout)

    def wait_until(
        self, is_so: Callable[[], bool], what: str, timeout: float = PATIENCE_SECONDS
    ) -> None:
        """Asked again whenever a request comes or a connection comes or goes."""
        with self._changed:
            if not self._changed.wait_for(is_so, timeout):
                came = f"{len(self._requests)} requests, {len(self._writers)} connections"
                raise AssertionError(f"waited {timeout:g} s for {what}; there are {came}")

    def count_connections(self) -> int:
        """All that were ever made, those just now, too: they are accepted in their order, and the
        last one is our own. Not for TLS."""
        with socket.create_connection(self._address) as probe:
            ours = probe.getsockname()[1]
            self.wait_until(lambda: ours in self._peer_ports, "a connection of our own")
            self._probes += 1
            return self._peer_ports.index(ours) + 1 - self._probes

    def pause(self) -> None:
        """Requests are read and recorded, but nothing is said to them until ``release``."""
        self._in_its_thread(self._set_open(is_open=False))

    def release(self) -> None:
        self._in_its_thread(self._set_open(is_open=True))

    def shut(self) -> None:
        """Connections are reset, and refused from now on. The port stays ours."""
        self._in_its_thread(self._shut())

    def present(self, certificate: "Certificate") -> None:
        """From the next TLS handshake on."""
        self._in_its_thread(self._present(certificate))

    def reopen(self) -> None:
        self._in_its_thread(self._listen(self._socket))

    # What follows runs in the receiver's own thread.

    _address: tuple[str, int]
    _socket: socket.socket
    _loop: asyncio.AbstractEventLoop

    def _in_its_thread(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    async def run(self, host: str, is_ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            self._socket = _bound(host, 0)
            self._address = self._socket.getsockname()[:2]
            await self._listen(self._socket)
        finally:
            is_ready.set()
        await self._stopped.wait()
        await self._shut()
        self._socket.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        self._stopped.set()
        self._open.set()

    async def _set_open(self, *, is_open: bool) -> None:
        if is_open:
            self._open.set()
        else:
            self._open.clear()

    async def _present(self, certificate: "Certificate") -> None:
        assert self._tls
        self._tls.load_cert_chain(certificate.path, certificate.key_path)

    async def _listen(self, bound: socket.socket) -> None:
        self._server = await asyncio.start_server(
            self._connected, sock=bound, ssl=self._tls, backlog=512
        )

    async def _shut(self) -> None:
        if self._server.is_serving():
            self._server.close()
            self._socket = _bound(*self._address)
        for writer in list(self._writers.values()):
            _reset(writer)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._changed:
            self._peer_ports.append(writer.get_extra_info("peername")[1])
            number = len(self._peer_ports)
            self._writers[number] = writer
            self._changed.notify_all()
        task = asyncio.create_task(self._serve(reader, writer, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._one(reader, writer, number):
                    pass
        finally:
            writer.transport.abort()
            with self._changed:
                del self._writers[number]
                self._changed.notify_all()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """One request; False when there shall be none after it."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        began_at = time.monotonic()
        method, path, _ = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        request = Request(method, path, headers, b"", number, began_at, began_at, is_whole=False)
        if self._reads_every_body():
            request = await _with_body(reader, request)
        behaviour = self._behaviour(request)
        if behaviour.reads_body and not request.is_whole:
            request = await _with_body(reader, request)
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        await self._open.wait()
        return await self._act(behaviour, reader, writer)

    def _reads_every_body(self) -> bool:
        """Then what is done may depend on it."""
        with self._changed:
            possible = [*(one.behaviour for one in self._whens), self._turns[0]]
            return all(each.reads_body for each in possible)

    def _behaviour(self, request: Request) -> Behaviour:
        with self._changed:
            for one in self._whens:
                if one.applies(request):
                    return one.behaviour
            return self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]

    async def _act(
        self, behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(behaviour.said)
        await writer.drain()
        for at in range(len(behaviour.dripped)):
            writer.write(behaviour.dripped[at : at + 1])
            await writer.drain()
            await asyncio.sleep(behaviour.drip_seconds)  # the pace is the behaviour itself
            if reader.at_eof():
                return False
        while behaviour.endless:
            writer.write(behaviour.endless)
            await writer.drain()
        match behaviour.then:
            case "hang" if behaviour.reads_body:
                await _gone(reader)
            case "hang":
                await self._stopped.wait()
            case "reset":
                _reset(writer)
            case "close":
                writer.close()
                await writer.wait_closed()
        return behaviour.then == "keep"


async def _with_body(reader: asyncio.StreamReader, request: Request) -> Request:
    body = await reader.readexactly(int(request.headers.get("content-length", "0")))
    return replace(request, body=body, ended_at=time.monotonic(), is_whole=True)


def _bound(host: str, port: int) -> socket.socket:
    """Holds the port, without listening yet."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN (socket(7), SO_LINGER)."""
    linger = struct.pack("ii", 1, 0)
    with contextlib.suppress(OSError):  # it is closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _gone(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof():
        await reader.read(65536)


@contextlib.contextmanager
def receiver(
    *behaviours: Behaviour | When, tls: "Certificate | None" = None, host: str = "127.0.0.1"
) -> Iterator[Receiver]:
    """On a free port of loopback. Without a behaviour it answers 200."""
    made = Receiver(behaviours, tls)
    is_ready = threading.Event()
    thread = threading.Thread(
        target=asyncio.run, args=(made.run(host, is_ready),), name="receiver", daemon=True
    )
    thread.start()
    try:
        assert is_ready.wait(PATIENCE_SECONDS)
        yield made
    finally:
        made._in_its_thread(made.stop())
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "the receiver does not stop"


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port on which nobody listens, and nobody else will."""
    with _bound("127.0.0.1", 0) as held:
        yield f"http://127.0.0.1:{held.getsockname()[1]}/hook"


@dataclass(frozen=True)
class Certificate:
    """Self-signed: ``path`` is also what to trust, as in SSL_CERT_FILE. ``key_path``: its key."""

    path: Path
    key_path: Path

    def context(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.path, self.key_path)
        return made

    def trusted(self) -> ssl.SSLContext:
        """A client's, which trusts this certificate only."""
        return ssl.create_default_context(cafile=self.path)


@functools.cache
def certificate(*names: str) -> Certificate:
    """For these names and addresses; 127.0.0.1 unless told. Made once for each in a process."""
    openssl = programs.path("openssl")
    folder = Path(tempfile.mkdtemp(prefix="certificate"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path, key_path = folder / "cert.pem", folder / "key.pem"
    kinds = (("IP" if _is_address(name) else "DNS", name) for name in names or ("127.0.0.1",))
    alternatives = ",".join(f"{kind}:{name}" for kind, name in kinds)
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    arguments = ["-subj", "/CN=receiver", "-addext", f"subjectAltName={alternatives}"]
    files = ["-keyout", str(key_path), "-out", str(path)]
    subprocess.run([openssl, *command.split(), *arguments, *files], check=True, capture_output=True)
    return Certificate(path, key_path)


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
