"""Admin authentication: the key in X-Api-Key, or a transport that needs none."""

import hmac
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from chatctl_server import errors
from chatctl_server.api import caller

ADDRESSES = 10_000
WINDOW_SECONDS = 60.0


class Failures:
    """Wrong keys per address within the last minute; remembers the newest 10,000 addresses."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises Throttled when the address has used up its failures."""
        since, count = self._seen.get(address, (0.0, 0))
        left = since + WINDOW_SECONDS - self._clock()
        if self._per_minute and count >= self._per_minute and left > 0:
            raise errors.Throttled(
                "Too many wrong API keys from this address", retry_after=math.ceil(left)
            )

    def add(self, address: str) -> None:
        now = self._clock()
        since, count = self._seen.pop(address, (now, 0))
        self._seen[address] = (since, count + 1) if now < since + WINDOW_SECONDS else (now, 1)
        if len(self._seen) > ADDRESSES:
            self._seen.popitem(last=False)


class AdminGuard:
    """A Litestar guard. The key is compared in constant time, on bytes.

    The right key passes whatever else came from its address: behind a proxy that is everybody's.
    """

    def __init__(self, key: str | None, failures: Failures) -> None:
        self._key = key.encode() if key else None
        self._failures = failures

    async def __call__(
        self,
        connection: ASGIConnection[Any, Any, Any, Any],
        _: BaseRouteHandler,
    ) -> None:
        who = caller.of(connection.scope)
        if who.is_trusted:
            return
        given = caller.header(connection.scope, b"x-api-key")
        if given is None:
            raise errors.Unauthorized("The header X-Api-Key is missing")
        if self._key is None or not hmac.compare_digest(given, self._key):
            self._failures.check(who.address)
            self._failures.add(who.address)
            raise errors.Unauthorized("The key in X-Api-Key is wrong")
