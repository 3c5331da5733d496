"""HEAD: what GET would answer, without the body (RFC 9110, 9.3.2)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]
ROUTE = "path_template"  # where the framework leaves in the scope which route it is


def without_body(app: App) -> App:
    """Of a stream the beginning: then it is over. What is under the application leaves out the body
    of a HEAD, by its own scope. A range is of GET alone (RFC 9110, 14.2)."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        headers = [each for each in scope["headers"] if each[0] != b"range"]
        as_get = {**scope, "method": "GET", "headers": headers}

        async def sending(message: Any) -> None:
            scope[ROUTE] = as_get.get(ROUTE)
            if message["type"] != "http.response.body":
                await send(message)
            elif not asked.cancelling():
                await send({"type": "http.response.body"})
                if message.get("more_body"):
                    asked.cancel()

        async def ask() -> None:
            await app(as_get, receive, sending)

        asked = asyncio.create_task(ask(), name="head")
        try:
            await asyncio.wait([asked])
        finally:
            asked.cancel()
        if not asked.cancelled():
            asked.result()

    return serve
