"""All routes of the faces behind the framework, or in parts.

A server has them all. A command in its own process asks for little, and loading every route would
be a quarter of its time: there each part is loaded when something of it is asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from litestar import Litestar, asgi
from litestar.di import Provide
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.router import Router
from litestar.types import ControllerRouterHandler

from chatctl_server.api import cors, problems
from chatctl_server.api.authentication import Guard
from chatctl_server.api.context import Context
from chatctl_server.api.faces import Broadcasters, Face, Faces, Handlers


class Framework(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Without those for pydantic and attrs, which Litestar imports where they happen to be
        installed: 0.15 s at each start of a command, for nothing that is used here."""
        return [*plugins, MsgspecDIPlugin()]


def whole(context: Context, faces: Faces, broadcasters: Broadcasters) -> Framework:
    from chatctl_server.api.openapi import routes as reference

    described = reference.Document()
    return _litestar(
        context,
        [
            *(_guarded(context, each, _loaded(each.parts.values())) for each in faces),
            *_loaded(each.unguarded for each in faces),
            *_live(context, faces, broadcasters),
            *reference.routes(described),
        ],
        openapi_config=reference.config(described, context.version),
    )


class InParts:
    """ASGI: what ``whole`` is, in a command's own process. Nobody listens there."""

    def __init__(self, context: Context, faces: Faces) -> None:
        self._context = context
        self._faces = faces
        self._parts = {begin: each for each in faces for begin in each.parts}
        self._loaded: dict[str | None, Framework] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = f"{scope['path']}/"
        begin = next((each for each in self._parts if path.startswith(f"{each}/")), None)
        if begin not in self._loaded:
            self._loaded[begin] = self._load(begin)
        await self._loaded[begin](scope, receive, send)

    def _load(self, begin: str | None) -> Framework:
        if begin is None:
            return whole(self._context, self._faces, {})
        face = self._parts[begin]
        guarded = _guarded(self._context, face, face.parts[begin]())
        return _litestar(self._context, [guarded], openapi_config=None)


def _loaded(parts: Iterable[Callable[[], Handlers]]) -> Handlers:
    return [handler for load in parts for handler in load()]


def _guarded(context: Context, face: Face[Any], handlers: Handlers) -> Router:
    return Router(
        "/",
        route_handlers=handlers,
        guards=[Guard(face.credentials, context)],
        security=[{name: []} for name in face.credentials.security],
        exception_handlers=face.in_words and problems.handlers_in_words(face.in_words),
    )


def _live(
    context: Context, faces: Faces, broadcasters: Broadcasters
) -> Iterator[ControllerRouterHandler]:
    for face in faces:
        if (broadcaster := broadcasters.get(face.name)) is not None:
            for path, make in face.sockets.items():
                yield asgi(path, copy_scope=False)(make(context, broadcaster))
            if face.streams is not None:
                yield from face.streams(context, broadcaster)


def _litestar(
    context: Context, handlers: Sequence[ControllerRouterHandler], **options: Any
) -> Framework:
    return Framework(
        route_handlers=handlers,
        dependencies={"context": Provide(lambda: context, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        cors_config=cors.config(context.settings.cors_origins),
        request_max_body_size=context.settings.max_body_bytes,
        logging_config=None,
        **options,
    )
