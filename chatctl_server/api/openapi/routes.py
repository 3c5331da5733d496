"""The description at ``/schema`` and the page at ``/docs``: open to all, since they show nothing
of this server but its version. Made at the first request, then kept as bytes.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types.internal_types import PathParameterDefinition

from chatctl_server import errors
from chatctl_server.api.openapi.languages import Language, preferred
from chatctl_server.api.parameters import SUFFIX, AnyRequest

SCHEMA_PATHS: Final = ("/schema", "/schema/openapi.json")
SCHEMA_TYPE: Final = "application/vnd.oai.openapi+json"
EXAMPLE: Final = "http://127.0.0.1:3000"
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
HEADERS: Final = {
    "cache-control": "max-age=60",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Document:
    """Nothing in it changes while the server runs."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._document: dict[str, Any] | None = None
        self._making = asyncio.Lock()

    async def schema(self, request: AnyRequest) -> Response[bytes]:
        def make() -> bytes:
            return msgspec.json.encode(self._described(request.app))

        return _answer(await self._made("schema", make), SCHEMA_TYPE)

    async def page(self, request: AnyRequest, language: Language) -> Response[bytes]:
        """With the address in its examples that it was asked for at."""

        def make() -> bytes:
            from chatctl_server.api.openapi import page

            return page.render(self._described(request.app), language, EXAMPLE)

        kept = await self._made(language, make)
        answer = _answer(kept.replace(EXAMPLE.encode(), _origin(request).encode()), "text/html")
        answer.headers["vary"] = "Accept-Language, Host"
        answer.headers["content-language"] = language
        return answer

    async def file(self, name: str, media_type: str) -> Response[bytes]:
        return _answer(
            await self._made(name, Path(__file__).with_name(name).read_bytes), media_type
        )

    def _described(self, app: Litestar) -> dict[str, Any]:
        """In a thread: it takes a fifth of a second, and nothing of it is needed at the start."""
        from chatctl_server.api.openapi import document

        if self._document is None:
            self._document = document.build(app)
        return self._document

    async def _made(self, name: str, make: Callable[[], bytes]) -> bytes:
        async with self._making:
            if name not in self._kept:
                self._kept[name] = await asyncio.to_thread(make)
        return self._kept[name]


def _answer(body: bytes, media_type: str) -> Response[bytes]:
    return Response(body, headers=HEADERS, media_type=media_type)


def _origin(request: AnyRequest) -> str:
    """As the client calls this server; behind a proxy that tells it, by the proxy's word."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return EXAMPLE
    scheme = request.headers.get("x-forwarded-proto", "http")
    return f"{'https' if scheme == 'https' else 'http'}://{host}"


def config(reference: Document, version: str) -> OpenAPIConfig:
    """The framework's own routes below ``/schema`` never run: the hook answers first."""

    async def answer(request: AnyRequest) -> Response[bytes]:
        if request.scope["path"].rstrip("/") not in SCHEMA_PATHS:
            raise errors.NotFound(f"There is nothing at {request.scope['path']}")
        return await reference.schema(request)

    return OpenAPIConfig(
        title="chatctl",
        version=version,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        openapi_router=Router(
            "/schema", route_handlers=[], before_request=answer, include_in_schema=False
        ),
        render_plugins=[JsonRenderPlugin()],
    )


def _operation_id(
    handler: HTTPRouteHandler, method: str, components: list[str | PathParameterDefinition]
) -> str:
    """The handler's name. Of a further path, method or face of the same handler it says which."""
    parts = [handler.handler_name]
    path = "/" + "/".join(
        each if isinstance(each, str) else f"{{{each.full}}}" for each in components
    )
    shortest = min(handler.paths, key=lambda each: (len(each), each))
    if len(handler.paths) > 1 and not path.endswith(shortest):
        parts += ["at", *re.findall(r"\w+", re.sub(r"{.*?}", "", path))]
    if method != min(handler.http_methods):
        parts += ["by", method.lower()]
    return "_".join([*parts, *filter(None, [handler.opt.get(SUFFIX)])])


def routes(reference: Document) -> list[HTTPRouteHandler]:
    @get("/docs", include_in_schema=False)
    async def docs(request: AnyRequest) -> Response[bytes]:
        wanted = request.query_params.get("lang"), request.headers.get("accept-language", "")
        return await reference.page(request, preferred(*wanted))

    @get("/docs/style.css", include_in_schema=False)
    async def style() -> Response[bytes]:
        return await reference.file("style.css", "text/css")

    @get("/docs/icon.svg", include_in_schema=False)
    async def icon() -> Response[bytes]:
        return await reference.file("icon.svg", "image/svg+xml")

    return [docs, style, icon]
