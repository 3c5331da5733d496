"""The application in the test's own process, on a file database."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
from world import KEY

from chatctl_server.api.faces import Faces
from chatctl_server.app import FACES, Application, Role, create_app
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store


@contextlib.asynccontextmanager
async def in_process(
    directory: Path, role: Role = "command", faces: Faces = FACES
) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    path = directory / "chat.db"
    maintenance.migrate(path)
    app = create_app(
        Settings(database_url=f"sqlite:{path}", admin_api_key=(KEY,)), role, faces=faces
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.lifespan(),
        httpx.AsyncClient(
            transport=transport, base_url="http://here", headers={"X-Api-Key": KEY}
        ) as client,
    ):
        yield app, client


async def reached(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not check():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def held(of: Store) -> AsyncIterator[None]:
    """The writer does nothing meanwhile; what is asked of it waits."""
    begun, over = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        begun.set()
        over.wait(60)  # longer than anybody waits for what must not come meanwhile

    of.submit(hold, (), lambda _: None)
    try:
        await reached(begun.is_set)
        yield
    finally:
        over.set()
