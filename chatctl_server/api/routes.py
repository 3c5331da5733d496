"""All routes behind the framework, or in parts.

A server has them all. A command in its own process asks for little, and loading every route would
be a quarter of its time: there each part is loaded when something of it is asked for.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.router import Router
from litestar.types import ControllerRouterHandler

from chatctl_server.api import problems
from chatctl_server.api.authentication import AdminGuard, Failures
from chatctl_server.api.context import Context
from chatctl_server.api.rooms.broadcaster import RoomBroadcaster
from chatctl_server.settings.sources import Settings

EXPOSED = ["Link", "Retry-After", "X-Request-Id"]
Handlers = list[ControllerRouterHandler]


def _rooms() -> Handlers:
    from chatctl_server.api.rooms.message_routes import Messages
    from chatctl_server.api.rooms.moderation_routes import Moderation
    from chatctl_server.api.rooms.routes import Rooms

    return [Rooms, Messages, Moderation]


def _sync() -> Handlers:
    from chatctl_server.api.rooms.sync_due import deliver_due
    from chatctl_server.api.rooms.sync_routes import SyncRoutes
    from chatctl_server.api.rooms.sync_status import sync_status

    return [SyncRoutes, sync_status, deliver_due]


def _callbacks() -> Handlers:
    from chatctl_server.api.management.attempts import follow_tries
    from chatctl_server.api.management.deliveries import Deliveries, recover_deliveries
    from chatctl_server.api.management.endpoints import Endpoints

    return [Endpoints, Deliveries, recover_deliveries, follow_tries]


def _events() -> Handlers:
    from chatctl_server.api.management.events import Events

    return [Events]


def _status() -> Handlers:
    from chatctl_server.api.management.status import status

    return [status]


# The routes that ask for the admin key, by how their paths begin.
PARTS: dict[str, Callable[[], Handlers]] = {
    "/management/rooms": _rooms,
    "/management/sync": _sync,
    "/management/callbacks": _callbacks,
    "/management/events": _events,
    "/management/status": _status,
}


class Framework(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Without those for pydantic and attrs, which Litestar imports where they happen to be
        installed: 0.15 s at each start of a command, for nothing that is used here."""
        return [*plugins, MsgspecDIPlugin()]


def whole(context: Context, broadcaster: RoomBroadcaster) -> Framework:
    from chatctl_server.api.management import status
    from chatctl_server.api.openapi import routes as reference
    from chatctl_server.api.rooms.sockets import socket_route

    described = reference.Document()
    guarded = [handler for handlers in PARTS.values() for handler in handlers()]
    return _litestar(
        context,
        [
            _guarded(context.settings, guarded),
            socket_route(context, broadcaster),
            status.management_health,
            status.health,
            status.simple_health,
            status.metrics,
            *reference.routes(described),
        ],
        openapi_config=reference.config(described, context.version),
    )


class InParts:
    """ASGI: what ``whole`` is, in a command's own process."""

    def __init__(self, context: Context, broadcaster: RoomBroadcaster) -> None:
        self._context = context
        self._broadcaster = broadcaster
        self._loaded: dict[str | None, Framework] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        begin = next((each for each in PARTS if scope["path"].startswith(each)), None)
        if begin not in self._loaded:
            self._loaded[begin] = self._load(begin)
        await self._loaded[begin](scope, receive, send)

    def _load(self, begin: str | None) -> Framework:
        if begin is None:
            return whole(self._context, self._broadcaster)
        guarded = _guarded(self._context.settings, PARTS[begin]())
        return _litestar(self._context, [guarded], openapi_config=None)


def _guarded(settings: Settings, handlers: Handlers) -> Router:
    failures = Failures(settings.api_key_failures_per_minute, time.monotonic)
    guard = AdminGuard(settings.admin_api_key, failures)
    return Router("/", route_handlers=handlers, guards=[guard])


def _litestar(
    context: Context, handlers: Sequence[ControllerRouterHandler], **options: Any
) -> Framework:
    return Framework(
        route_handlers=handlers,
        dependencies={"context": Provide(lambda: context, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        cors_config=_cors(context.settings),
        request_max_body_size=context.settings.max_body_bytes,
        logging_config=None,
        **options,
    )


def _cors(settings: Settings) -> CORSConfig:
    return CORSConfig(
        allow_origins=list(settings.cors_origins),
        allow_credentials=False,
        max_age=600,
        expose_headers=EXPOSED,
    )
