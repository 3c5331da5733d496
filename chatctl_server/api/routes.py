"""The routes of the faces behind the framework.

To load every route takes longer than all else of a start, and a command in its own process asks
for one part of one face: so each part is loaded when something of it is asked for.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.di import Provide
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.router import Router
from litestar.types import ControllerRouterHandler
from litestar.utils import normalize_path

from chatctl_server.api import cors, problems
from chatctl_server.api.authentication import KEY_PART, Guard
from chatctl_server.api.context import Context
from chatctl_server.api.faces import Broadcasters, Face, Faces, Handlers

if TYPE_CHECKING:
    from litestar.openapi import OpenAPIConfig

REFERENCE = ("/schema", "/docs")  # describes all parts


class Framework(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Without those for pydantic and attrs, which Litestar imports where they happen to be
        installed: 0.15 s at each start of a command, for nothing that is used here."""
        return [*plugins, MsgspecDIPlugin()]


class Routes:
    """ASGI: the routes of all faces, each part of them loaded at the first request for it.

    What begins as no part of a face does is one more part. That is done in a thread, for the
    other clients. With no broadcasters, nobody listens.
    """

    def __init__(self, context: Context, faces: Faces, broadcasters: Broadcasters) -> None:
        self._context = context
        self._faces = faces
        self._broadcasters = broadcasters
        begins = {*REFERENCE, *(begin for each in faces for begin in each.parts)}
        self._begins = sorted(begins, key=len, reverse=True)
        self._loaded: dict[tuple[str, bool], Framework] = {}
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = normalize_path(scope["path"])
        part = self._begin(path), self._context.origins.ask_sites(path)
        app = self._loaded.get(part) or await self._load(part)
        await app(scope, receive, send)

    def _begin(self, path: str) -> str:
        """Of the part; the longest, and none for the rest."""
        return next((each for each in self._begins if f"{path}/".startswith(f"{each}/")), "")

    def import_modules(self) -> None:
        """Those of all parts, whether or not anybody asks for them."""
        _loaded(load for each in self._faces for load in each.parts.values())
        _of_no_part(self._context, self._faces, self._broadcasters)

    async def _load(self, part: tuple[str, bool]) -> Framework:
        async with self._loading:
            if part not in self._loaded:
                self._loaded[part] = await asyncio.to_thread(self._part, *part)
        return self._loaded[part]

    def _part(self, begin: str, ask_sites: bool) -> Framework:
        """``ask_sites``: also for the pages that any site allows; some of the rest is, some not."""
        context, faces = self._context, self._faces
        if begin in REFERENCE:
            return whole(context, faces, self._broadcasters)
        if begin:
            asked = [each for each in faces if begin in each.parts]
            handlers: Handlers = [_guarded(context, each, each.parts[begin]()) for each in asked]
        else:
            handlers = _of_no_part(context, faces, self._broadcasters)
        return _litestar(context, handlers, ask_sites=ask_sites)


def whole(context: Context, faces: Faces, broadcasters: Broadcasters) -> Framework:
    """Every route in one, of which the description is made."""
    from chatctl_server.api.openapi import routes as reference

    described = reference.Document()
    return _litestar(
        context,
        [
            *(_guarded(context, each, _loaded(each.parts.values())) for each in faces),
            *_of_no_part(context, faces, broadcasters),
            *reference.routes(described),
        ],
        reference.config(described, context.version),
    )


def _loaded(parts: Iterable[Callable[[], Handlers]]) -> Handlers:
    """Each once, though several parts may have it."""
    return [*dict.fromkeys(handler for load in parts for handler in load())]


def _guarded(context: Context, face: Face[Any], handlers: Handlers) -> Router:
    return Router(
        "/",
        route_handlers=handlers,
        guards=[Guard(face.credentials, context)],
        opt={KEY_PART: face.key_part},
        security=[{name: []} for name in face.credentials.security],
        exception_handlers=face.in_words and problems.handlers_in_words(face.in_words),
    )


def _of_no_part(context: Context, faces: Faces, broadcasters: Broadcasters) -> Handlers:
    handlers = _loaded(each.unguarded for each in faces)
    for face in faces:
        broadcaster = broadcasters.get(face.name)
        if broadcaster is not None and face.streams is not None:
            handlers += face.streams(context, broadcaster)
    return handlers


def _litestar(
    context: Context,
    handlers: Sequence[ControllerRouterHandler],
    openapi_config: "OpenAPIConfig | None" = None,
    *,
    ask_sites: bool = False,
) -> Framework:
    return Framework(
        route_handlers=handlers,
        dependencies={"context": Provide(lambda: context, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        cors_config=cors.config(context.origins, ask_sites=ask_sites),
        openapi_config=openapi_config,
        request_max_body_size=context.settings.max_body_bytes,
        logging_config=None,
    )
