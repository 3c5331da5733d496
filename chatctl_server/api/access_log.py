"""The access log: a line per request and per upgrade, with the address that the edge has found."""

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from chatctl_server.api.caller import Scope

logger = logging.getLogger("chatctl.access")
LEVEL = logging.INFO
REASON = "chatctl.reason"  # beside an answer's status: why it was refused
_STATUS_OF = {
    "http.response.start": None,  # as the message says
    "websocket.http.response.start": None,
    "websocket.accept": 101,
}


def is_on() -> bool:
    return logger.isEnabledFor(LEVEL)


def at_head(send: Any, heard: Callable[[int, str | None], None]) -> Any:
    """``heard`` is told the answer's status, and why it is a refusal, with the answer's head: a
    stream's end comes much later, or never."""

    async def sending(message: Any) -> None:
        kind = message["type"]
        if kind in _STATUS_OF:
            heard(_STATUS_OF[kind] or message["status"], message.get(REASON))
        await send(message)

    return sending


def write(
    scope: Scope, address: str, status: int, started: float, reason: str | None = None
) -> None:
    """``address`` is empty on the admin socket."""
    method, path, address = scope.get("method", "GET"), shown_path(scope), shown_address(address)
    latency_ms = round((time.perf_counter() - started) * 1000, 1)
    logger.log(
        LEVEL,
        '%s "%s %s" %d %s ms%s',
        address or "-",
        method,
        path,
        status,
        latency_ms,
        f": {reason}" if reason else "",
        extra={
            "address": address or None,
            "method": method,
            "path": path,
            "status": status,
            "latency_ms": latency_ms,
            **({"reason": reason} if reason else {}),
        },
    )


def shown_path(scope: Scope) -> str:
    """As it was sent, without the query, which may hold a token. No space and no quote is left:
    nobody can make a line that says something else."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    return quote(raw.partition(b"?")[0], safe="/%:@!$&()*+,;=~")


def shown_address(address: str) -> str:
    """Behind a proxy that believes its clients it is any text."""
    return quote(address, safe=":%")
