"""The outermost layer: from where they call, the request's id, what is reachable from there.

Plain ASGI around the framework, so that refusals are the same wherever they arise.
"""

import os
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes

from chatctl_server import errors, logs
from chatctl_server.api import access_log, caller, cors, heads, problems
from chatctl_server.api.caller import Caller
from chatctl_server.api.metrics import Metrics
from chatctl_server.api.request_limits import RequestLimits
from chatctl_server.domain import event_id, times
from chatctl_server.live.extensions import PEER
from chatctl_server.settings.values import Network

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
MANAGEMENT = "/management"  # what the operator does, of every face
VERSION_HEADER = b"x-chatctl-version"
STREAMS = ("/events", "/api/notifications/events")  # with a HEAD of their own: they never end
ESCAPED_SLASH = "\udc2f"  # what surrogateescape would make of a slash, and never does
_PARAMETER_TYPE = re.compile(r":\w+}")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Edge:
    def __init__(
        self,
        app: App,
        *,
        version: str,
        trusted_proxies: tuple[Network, ...],
        limits: RequestLimits,
        origins: cors.Origins,
        metrics: Metrics,
        sockets: Mapping[str, App] = MappingProxyType({}),
        in_process: bool = False,
    ) -> None:
        self._app = app
        self._without_body = heads.without_body(app)
        self._version = version
        self._trusted_proxies = trusted_proxies
        self._limits = limits
        self._origins = origins
        self._metrics = metrics
        self._sockets = [
            (_matcher(path), _PARAMETER_TYPE.sub("}", path), serve)
            for path, serve in sockets.items()
        ]
        self._in_process = in_process

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        request_id = _request_id(scope)
        token = logs.request_id.set(request_id)
        send = with_headers(send, (b"x-request-id", request_id.encode()))
        # The server keeps its own scope: it logs the path, and can write no surrogates.
        as_sent, scope = scope, {**scope, "path": _path(scope)}
        if not self._in_process:
            send = self._heard(send, as_sent, scope)
        try:
            who = scope[caller.KEY] = self._caller(scope)
            if not who.is_trusted:
                self._limits.admit(who.address, scope.get("method", "GET"), scope["path"])
            app = self._reached(scope)
            if scope["path"].startswith(MANAGEMENT):
                send = with_headers(send, (VERSION_HEADER, self._version.encode()))
                self._check_version(scope)
        except errors.ChatctlError as refusal:
            lines = cors.of_refusal(scope, self._origins)
            await refuse(scope, receive, with_headers(send, *lines), refusal)
        else:
            await app(scope, receive, send)
        finally:
            logs.request_id.reset(token)

    def refused(self, scope: Message, refusal: errors.ChatctlError) -> bytes:
        """The whole answer to a request that a protocol answers by itself."""
        request_id = _request_id(scope)
        token = logs.request_id.set(request_id)
        try:
            self.log_refused(scope, refusal.status, refusal.detail)
            body = problems.body(refusal)
        finally:
            logs.request_id.reset(token)
        lines = {
            **problems.headers(refusal, scope["path"]),
            "content-length": str(len(body)),
            "x-request-id": request_id,
            "connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        line = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n"
        return f"{line}{head}\r\n".encode() + body

    def log_refused(self, scope: Message, status: int, reason: str | None = None) -> None:
        """Of a request that a protocol has answered by itself."""
        self._answered(scope, None, status, time.perf_counter(), reason)

    def _heard(self, send: Send, as_sent: Message, scope: Message) -> Send:
        started = time.perf_counter()

        def heard(status: int, reason: str | None) -> None:
            self._answered(as_sent, scope.get(heads.ROUTE), status, started, reason)

        heard_of: Send = access_log.at_head(send, heard)
        return heard_of

    def _answered(
        self, as_sent: Message, route: str | None, status: int, started: float, reason: str | None
    ) -> None:
        seconds = time.perf_counter() - started
        self._metrics.answered(as_sent.get("method", "GET"), route, status, seconds)
        if access_log.is_on():
            access_log.write(as_sent, self._address(as_sent), status, started, reason)

    def _address(self, scope: Message) -> str:
        """Empty on the admin socket."""
        is_local = PEER in scope.get("extensions", {})
        return "" if is_local else caller.address(scope, self._trusted_proxies)

    def _check_version(self, scope: Message) -> None:
        """A command of another major version is told so before it has changed anything."""
        theirs = caller.header(scope, VERSION_HEADER)
        if theirs is None or theirs.split(b".")[0] == self._version.split(".")[0].encode():
            return
        raise errors.VersionMismatch(
            f"The server is chatctl {self._version}, the command {theirs.decode('latin-1')[:20]}",
            hint=f"the chatctl of the server: pip install chatctl=={self._version}",
        )

    def _caller(self, scope: Message) -> Caller:
        peer = scope.get("extensions", {}).get(PEER)
        if self._in_process:
            return Caller("", "command", user_id=f"uid:{os.getuid()}", is_trusted=True)
        if peer is None:
            return Caller(self._address(scope))
        if peer["uid"] not in (0, os.getuid()):
            raise errors.Forbidden("This socket is for the server's own user")
        if caller.has_forwarded_header(scope):
            raise errors.Forbidden("This socket is not for proxies: it takes no Forwarded headers")
        if not scope["path"].startswith(f"{MANAGEMENT}/"):
            raise errors.NotFound(f"This socket serves {MANAGEMENT} only")
        return Caller("", "socket", user_id=f"uid:{peer['uid']}", is_trusted=True)

    def _reached(self, scope: Message) -> App:
        """The framework or, with the parameters of its path, a socket."""
        for matcher, template, serve in self._sockets:
            found = matcher.fullmatch(scope["path"])
            if found is not None:
                if scope["type"] == "http":
                    raise errors.InvalidInput(
                        "This is a WebSocket: the request must ask for an upgrade"
                    )
                scope["path_params"], scope[heads.ROUTE] = found.groupdict(), template
                return serve
        if scope["type"] == "websocket":
            raise errors.NotFound(f"There is no WebSocket at {scope['path']}")
        if scope["method"] == "HEAD" and not scope["path"].startswith(STREAMS):
            return self._without_body
        return self._app


def _path(scope: Message) -> str:
    """The path, in which an escaped slash stays apart from those between segments.

    Bytes that are no UTF-8 become lone surrogates, which every text that is stored is checked for.
    """
    raw = scope.get("raw_path") or b""
    if b"%" not in raw:
        return str(scope["path"])
    parts = re.split(rb"%2[fF]", raw)
    return ESCAPED_SLASH.join(
        unquote_to_bytes(part).decode(errors="surrogateescape") for part in parts
    )


def _matcher(template: str) -> re.Pattern[str]:
    """What a template has in braces may be any segment. Empty segments do not count."""
    parts = [
        f"(?P<{each[1:-1].partition(':')[0]}>[^/]+)" if each.startswith("{") else re.escape(each)
        for each in template.split("/")
        if each
    ]
    return re.compile("/+" + "/+".join(parts) + "/*")


def _request_id(scope: Message) -> str:
    given = caller.header(scope, b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return event_id.make(times.now(), secrets.randbits(62))  # a UUID of version 7


def with_headers(send: Send, *lines: tuple[bytes, bytes]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            message["headers"] = [*message.get("headers", ()), *lines]
        await send(message)

    return sending


async def refuse(
    scope: Message, receive: Receive, send: Send, refusal: errors.ChatctlError
) -> None:
    """The problem body; for a WebSocket before its upgrade."""
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        kind = "websocket.http.response"
    body = problems.body(refusal)
    lines = {**problems.headers(refusal, scope["path"]), "content-length": str(len(body))}
    await send(
        {
            "type": f"{kind}.start",
            "status": refusal.status,
            access_log.REASON: refusal.detail,
            "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
        }
    )
    await send({"type": f"{kind}.body", "body": body})
