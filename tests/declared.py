"""The problems that the API's description declares, and a hook that compares what is met."""

import asyncio
import functools
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from chatctl_server.app import create_app
from chatctl_server.settings.sources import Settings

PROBLEM = "application/problem+json"
# How the paths of team chat begin, which has tests of its own.
OF_TEAM = (
    "/api/",
    "/files/",
    "/embed/",
    "/management/users",
    "/management/workspaces",
    "/management/chats",
    "/management/messages",
)
# Those of the support desk, which has its own again.
OF_DESK = (
    "/api/conversations",
    "/api/events/",
    "/api/sites",
    "/api/visitors",
    "/api/canned-responses",
    "/api/customers",
    "/api/health",
    "/embed/",
    "/files/c/",
)

OF_DESK_OPERATORS = (
    "/management/conversations",
    "/management/sites",
    "/management/customers",
    "/management/events/replay",
)
OF_OTHERS = (*OF_TEAM, *OF_DESK_OPERATORS)  # than rooms


@functools.cache
def description() -> dict[str, Any]:
    """Served without a database; also asked for within a test's own loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _described()).result()


async def _described() -> dict[str, Any]:
    app = create_app(Settings(database_url="sqlite:/nowhere/chat.db"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        return dict((await client.get("/schema")).json())


def codes(operation: dict[str, Any]) -> set[tuple[int, str]]:
    """Status and code of each problem that it may answer."""
    return {
        (int(status), code)
        for status, answer in operation["responses"].items()
        for code in answer.get("content", {}).get(PROBLEM, {}).get("examples", ())
    }


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str], str, set[tuple[int, str]]]]:
    """A path with fewer parameters goes before one that would fit, too."""
    paths = sorted(description()["paths"].items(), key=lambda each: each[0].count("{"))
    return [
        (
            method.upper(),
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"),
            operation["operationId"],
            codes(operation),
        )
        for path, methods in paths
        for method, operation in methods.items()
    ]


def check(response: httpx.Response) -> None:
    """Hook of every test's client: a problem that is met is one that is declared."""
    if response.headers.get("content-type") != PROBLEM:
        return
    response.read()
    met = response.status_code, response.json()["code"]
    path = response.request.url.raw_path.decode().partition("?")[0]
    for method, pattern, name, declared in _patterns():
        if method == response.request.method and pattern.fullmatch(path):
            assert met in declared, f"{name} answers {met}, which its route does not declare"
            return
