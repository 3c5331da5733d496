"""WebSockets: one that is open, and what its end means."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chatctl.client.close_codes import ending
from chatctl.client.errors import Lost
from chatctl.client.http import refusal

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
NO_CLOSE_FRAME = 1006


@asynccontextmanager
async def opened(
    url: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> AsyncIterator["ClientConnection"]:
    """``url`` is that of HTTP. Raises Lost or Refused; NO_PROBLEM where something between us and
    the server lets no WebSocket through."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus

    address = f"{url.replace('http', 'ws', 1)}?{urlencode(query)}"
    try:
        socket = await connect(
            address,
            additional_headers=headers,
            compression=None,
            max_size=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
        )
    except InvalidStatus as error:
        said = error.response
        raise refusal(said.status_code, said.headers, bytes(said.body or b"")) from None
    except (OSError, InvalidHandshake) as error:
        raise Lost(str(error) or type(error).__name__) from None
    async with socket:
        yield socket


async def texts(socket: "ClientConnection") -> AsyncIterator[str | bytes]:
    """Each that comes; then raises Lost or Refused, by the code of the close."""
    from websockets.exceptions import ConnectionClosed

    try:
        while True:
            yield await socket.recv()
    except ConnectionClosed:
        code = socket.close_code or NO_CLOSE_FRAME
        raise ending(code, socket.close_reason or "") from None
