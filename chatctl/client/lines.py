"""Endless answers over HTTP: their lines, and the server-sent events in them."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[list[bytes], None]:
    """Those that came together. ``\\n`` alone ends one: a text may hold other characters that some
    libraries take for an end."""
    pending = b""
    async for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        if whole:
            yield whole


class ServerSentEvent(NamedTuple):
    """``id``: of the event itself, empty where it has none. All is empty in a keep-alive."""

    name: str = ""
    id: str = ""
    data: str = ""


async def server_sent_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
    """WHATWG HTML, 9.2.6; a comment is yielded, too: it says that there is contact."""
    fields: dict[str, str] = {}
    async for together in lines(chunks):
        for line in together:
            if not line:
                yield ServerSentEvent(
                    fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
                )
                fields = {}
                continue
            name, _, value = line.decode().partition(":")
            value = value.removeprefix(" ")
            if name == "data" and "data" in fields:
                value = f"{fields['data']}\n{value}"
            fields[name] = value
