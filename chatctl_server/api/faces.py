"""What a face declares of itself, and how it hears of what was committed.

The composition root names the faces; nothing else does. Whatever is loaded for a face is loaded
when it is asked for: a command on the file asks for one part.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from chatctl_server import errors
from chatctl_server.api.authentication import Credentials
from chatctl_server.api.context import Context
from chatctl_server.domain import events
from chatctl_server.domain.keys import Part

logger = logging.getLogger("chatctl.api")
Handlers = list[ControllerRouterHandler]
AsgiRoute = Callable[[Scope, Receive, Send], Awaitable[None]]  # plain ASGI


class Broadcaster(Protocol):
    """What a face's listeners see of the log. Called in the loop's thread."""

    def publish(self, entry: events.Event) -> None:
        """Every committed event, in log order: the face picks what concerns it."""

    def skip(self, entry: events.Event) -> None:
        """In place of an event that ``publish`` has failed at: its listeners read anew."""

    def stop(self) -> None:
        """Nothing is told of its own accord any more."""


B = TypeVar("B", bound=Broadcaster)


InWords = Callable[[errors.ChatctlError], errors.ChatctlError]


class Face(msgspec.Struct, Generic[B], frozen=True):
    """``parts`` are the routes that ask for its credentials, by how their paths begin; those of
    ``unguarded`` ignore every credential.

    ``sockets`` (WebSockets) have their paths as the framework writes them, a parameter for one
    segment, and perhaps ``?`` with the name of a parameter of the query behind it; ``streams`` are
    routes. Both find out by themselves who calls, and are made with the
    broadcaster, which a face that has some has, too.
    ``in_words``: the core's refusals as the face's clients know them. ``key_part``: for which named
    keys its routes are, but for those that say so themselves; None: for the admin key alone.
    """

    name: str
    credentials: Credentials
    parts: Mapping[str, Callable[[], Handlers]] = {}
    unguarded: Callable[[], Handlers] = list
    sockets: Mapping[str, Callable[[Context, B], AsgiRoute]] = {}
    streams: Callable[[Context, B], Handlers] | None = None
    broadcaster: Callable[[Context], B] | None = None
    in_words: InWords | None = None
    key_part: Part | None = None


def lazily(package: str, *names: str) -> Callable[[], Handlers]:
    """Handlers of the package's modules, each ``module:name``, imported when they are asked for."""

    def load() -> Handlers:
        places = (each.split(":") for each in names)
        return [getattr(import_module(f"{package}.{module}"), name) for module, name in places]

    return load


Faces = Sequence[Face[Any]]
Broadcasters = Mapping[str, Broadcaster]  # by the face's name


def broadcasters(faces: Faces, context: Context) -> dict[str, Broadcaster]:
    return {each.name: each.broadcaster(context) for each in faces if each.broadcaster is not None}


def sockets(faces: Faces, context: Context, listening: Broadcasters) -> dict[str, AsgiRoute]:
    """By their paths; where nobody listens, they answer nobody. Of a path that stands with the name
    of a query's parameter behind it, too, it is that face's whose query has it."""
    found: dict[str, AsgiRoute] = {}
    named: dict[str, dict[str, AsgiRoute]] = {}
    for each in faces:
        for place, make in each.sockets.items():
            path, _, name = place.partition("?")
            route = make(context, listening[each.name]) if listening else _nobody
            if name:
                named.setdefault(path, {})[name] = route
            else:
                found[path] = route
    for path, routes in named.items():
        found[path] = _by_query(routes, found.get(path, _nobody))
    return found


def _by_query(routes: Mapping[str, AsgiRoute], other: AsgiRoute) -> AsgiRoute:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        pairs = scope["query_string"].split(b"&")
        given = {each.partition(b"=")[0].decode("latin-1") for each in pairs}
        route = next((routes[name] for name in routes if name in given), other)
        await route(scope, receive, send)

    return serve


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    raise errors.NotFound(f"There is no WebSocket at {scope['path']}")


def publish(listening: Broadcasters, entry: events.Event) -> None:
    """An event that a face cannot show costs that face a resync, and nobody else anything."""
    for name, broadcaster in listening.items():
        for show in (broadcaster.publish, broadcaster.skip):
            try:
                show(entry)
                break
            except Exception:
                logger.exception(
                    "%s: the event at offset %d could not be shown", name, entry.offset
                )
