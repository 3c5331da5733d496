"""The client that sends callbacks: POST over HTTP/1.1, with little CPU for each request.

No proxies, cookies or compression: the request goes where its URL says and nowhere else, unless its
sender follows the receiver's redirects, and what comes back is an answer, whatever its status.
"""

import asyncio
import base64
import re
import ssl
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from chatctl_server import errors
from chatctl_server.domain import callback_urls
from chatctl_server.domain.callback_urls import CallbackUrl, IPAddress
from chatctl_server.workers.callbacks import address_guard, redirects
from chatctl_server.workers.callbacks.address_guard import (
    AddressGuard,
    AddressNotAllowed,
    Lookups,
    Resolve,
)
from chatctl_server.workers.callbacks.http_answers import Answer, SendFailed
from chatctl_server.workers.callbacks.http_connection import HttpConnection, HttpRequest, failed

__all__ = ["Answer", "HttpClient", "SendFailed"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection", "accept-encoding"))


class _Key(NamedTuple):
    """A guarded call takes no connection that was made without its guard."""

    scheme: str
    host: str
    port: int
    guard: AddressGuard | None


class _Target(NamedTuple):
    url: CallbackUrl
    key: _Key
    head: str  # its lines that depend on the URL only


class HttpClient:
    """``idle_seconds``: how long a connection waits for the next request; many servers close theirs
    after five. ``resolve``: the addresses of a name; the system's resolver unless given."""

    def __init__(
        self,
        *,
        idle_seconds: float = 4.0,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        user_agent: str | None = None,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._tls = tls
        self._tls_lock = asyncio.Lock()
        self._resolve = resolve or Lookups().resolve
        self._own_headers = _header_lines([("User-Agent", user_agent)] if user_agent else [])
        self._open: set[HttpConnection] = set()
        self._idle: dict[_Key, list[HttpConnection]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def post(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout_seconds: float,
        guard: AddressGuard | None = None,
        follows: bool = False,
    ) -> Answer:
        """Any status is an answer. The time is for all together, from the look-up of the name to
        the end of the head. ``follows``: where ``redirects`` allows it. Raises SendFailed, and
        ValueError for headers that cannot be sent."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        answer = await self._post(url, headers, body, deadline, guard)
        for _ in range(redirects.MOST if follows else 0):
            onward = redirects.onward(url, answer)
            if onward is None:
                break
            url = onward
            answer = await self._post(url, headers, body, deadline, guard)
        return answer

    async def _post(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        deadline: float,
        guard: AddressGuard | None,
    ) -> Answer:
        target = _checked_target(url, guard)
        head = f"{target.head}{self._own_headers}{_header_lines(headers)}"
        request = HttpRequest(
            f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1"), body, deadline
        )
        connection = self._take(target.key)
        if connection:
            try:
                return await self._exchange(connection, target.key, request)
            except SendFailed as error:
                # It may have been closed before the request arrived: no answer tells.
                if error.reason == "timeout" or connection.has_heard:
                    raise
        connection = await self._connect(target, request.deadline)
        return await self._exchange(connection, target.key, request)

    async def close(self) -> None:
        """Ends every connection; calls that are under way fail."""
        self._is_closed = True
        if self._sweeper:
            self._sweeper.cancel()
        ending = [connection.closed for connection in self._open]
        for connection in list(self._open):
            connection.abort()
        await asyncio.gather(*ending)

    async def _exchange(
        self, connection: HttpConnection, key: _Key, request: HttpRequest
    ) -> Answer:
        answer = await connection.exchange(request)
        if connection.is_usable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(key, []).append(connection)
            self._sweep_later()
        return answer

    def _take(self, key: _Key) -> HttpConnection | None:
        """The connection that was used last."""
        idle = self._idle.get(key)
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while idle:
            connection = idle.pop()
            assert connection.idle_since is not None
            if connection.is_usable and connection.idle_since > oldest:
                connection.idle_since = None
                return connection
            connection.abort()
        return None

    def _sweep_later(self) -> None:
        if self._sweeper is None and not self._is_closed:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(self._idle_seconds, self._sweep)

    def _sweep(self) -> None:
        """Once in ``idle_seconds``; in between, ``_take`` sees what is too old."""
        self._sweeper = None
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        for key, connections in list(self._idle.items()):
            fresh = [one for one in connections if (one.idle_since or 0) > oldest]
            for connection in set(connections).difference(fresh):
                connection.abort()
            if fresh:
                self._idle[key] = fresh
            else:
                del self._idle[key]
        if self._idle:
            self._sweep_later()

    def _lost(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        if connection.idle_since is not None:
            for connections in self._idle.values():
                if connection in connections:
                    connections.remove(connection)

    async def _connect(self, target: _Target, deadline: float) -> HttpConnection:
        self._check_open()
        try:
            async with asyncio.timeout_at(deadline):
                tls = await self._context() if target.url.scheme == "https" else None
                found = await address_guard.addresses(target.url, self._resolve, target.key.guard)
                return await self._first_open(target.url, found, tls, deadline)
        except AddressNotAllowed as error:
            raise SendFailed("not_allowed", str(error)) from None
        except OSError as error:
            raise failed(target.url.origin, error) from None

    def _check_open(self) -> None:
        if self._is_closed:
            raise SendFailed("network", "The client was closed.")

    async def _first_open(
        self,
        url: CallbackUrl,
        addresses: Sequence[IPAddress],
        tls: ssl.SSLContext | None,
        deadline: float,
    ) -> HttpConnection:
        """In their order; one that does not react takes only its share of the time."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for left in range(len(addresses), 0, -1):
            try:
                async with asyncio.timeout((deadline - loop.time()) / left):
                    return await self._open_one(url, addresses[-left], tls)
            except OSError as error:
                failure = error
        assert failure
        raise failure

    async def _open_one(
        self, url: CallbackUrl, address: IPAddress, tls: ssl.SSLContext | None
    ) -> HttpConnection:
        """The certificate must be that of the URL's host, whatever the address."""
        name = url.host.rstrip(".") if tls else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(url.origin, self._lost),
            str(address),
            url.port,
            ssl=tls,
            server_hostname=name,
        )
        self._open.add(connection)
        if self._is_closed:
            connection.abort()
        return connection

    async def _context(self) -> ssl.SSLContext:
        """Reading the system's certificates takes some 30 ms, which the loop does not wait for."""
        async with self._tls_lock:
            if self._tls is None:
                self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls


def _checked_target(url: str, guard: AddressGuard | None) -> _Target:
    try:
        return _target(url, guard)
    except errors.InvalidInput as error:
        raise SendFailed("not_allowed", f"{error.detail}.") from None


@lru_cache(maxsize=1024)
def _target(url: str, guard: AddressGuard | None) -> _Target:
    found = callback_urls.check_url(url, guard.networks) if guard else callback_urls.parse(url)
    lines = [f"POST {found.target} HTTP/1.1", f"Host: {found.authority}"]
    lines += ["Accept: */*", "Accept-Encoding: identity"]
    if found.user_info is not None:
        lines.append(f"Authorization: Basic {_credentials(found.user_info)}")
    head = "".join(f"{line}\r\n" for line in lines)
    return _Target(found, _Key(found.scheme, found.host, found.port, guard), head)


def _credentials(user_info: str) -> str:
    """RFC 7617: user, colon, password."""
    user, _, password = user_info.partition(":")
    both = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return base64.b64encode(both).decode()


def _header_lines(headers: Sequence[tuple[str, str]]) -> str:
    """Raises ValueError for what would not arrive as it was given, or as one line each."""
    for name, _ in headers:
        _check_name(name)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    breaks = lines.count("\r"), lines.count("\n")
    if breaks != (len(headers), len(headers)) or "\0" in lines:
        raise ValueError("a header's value holds a line break or U+0000")
    return lines


@lru_cache(maxsize=256)
def _check_name(name: str) -> None:
    if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
        raise ValueError(f"{name[:50]!r} is no header that a caller can set")
