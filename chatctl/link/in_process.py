"""The application in this process, behind the same blocking client as a server.

httpx's ASGI transport is asynchronous and runs no lifespan. Here one event loop lives in this
thread for as long as the transport does, and the lifespan is entered and left by one task.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")
Lifespan = Callable[[], AbstractAsyncContextManager[None]]


class InProcess(httpx.BaseTransport):
    def __init__(self, app: Any, lifespan: Lifespan) -> None:
        self._asgi = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._lifespan = lifespan
        self._runner = asyncio.Runner()
        self._stop = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self._run(self._start())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """The store is closed when this returns, so the lock may go after it."""
        try:
            self._run(self._finish())
        finally:
            self._runner.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._run(self._handle(request))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Nobody but Ctrl-C cancels it: where that meets what the work itself cancels, the runner
        does not tell it as such."""
        try:
            return self._runner.run(work)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        limit = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(limit):
                response = await self._asgi.handle_async_request(request)
                content = await response.aread()
        except TimeoutError:
            raise httpx.ReadTimeout("in-process", request=request) from None
        return httpx.Response(response.status_code, headers=response.headers, content=content)

    async def _start(self) -> None:
        started = asyncio.Event()
        self._living = asyncio.create_task(self._live(started), name="lifespan")
        waiting = asyncio.create_task(started.wait(), name="lifespan started")
        try:
            await asyncio.wait((self._living, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._living.done():
            await self._finish()

    async def _live(self, started: asyncio.Event) -> None:
        async with self._lifespan():
            started.set()
            await self._stop.wait()

    async def _finish(self) -> None:
        self._stop.set()
        if self._living is None:
            return
        try:
            await self._living
        except BaseExceptionGroup as group:
            # A task group of the framework wraps what the start-up raised.
            raise _only(group) from None


def _only(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
