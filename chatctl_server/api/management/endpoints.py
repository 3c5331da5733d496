"""Where callbacks go: the URLs of the settings, and the endpoints that were added."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.actions import endpoints as actions
from chatctl_server.api import caller
from chatctl_server.api.bodies import Changed
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.management import callback_bodies
from chatctl_server.api.parameters import AnyRequest, room_uuid
from chatctl_server.domain import times
from chatctl_server.storage import deliveries, endpoints, scopes
from chatctl_server.storage.sql import Database
from chatctl_server.views import deliveries as views
from chatctl_server.views import fields

T = TypeVar("T")
EVERYTHING = callback_bodies.TestEndpoint()


class EndpointFigures(NamedTuple):
    """What has not arrived at each endpoint, and the names of their scopes, by their ids."""

    outstanding: dict[int, deliveries.Outstanding]
    scopes: dict[int, str]


class TargetEndpoint:
    """The endpoint that the path names, and who does something to it."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, endpoint_id: FromPath[fields.EndpointId]
    ) -> None:
        self.who = caller.of(request.scope)
        self.id = room_uuid(endpoint_id, "endpoint_id")
        self._store = context.store

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        return await self._store.write_urgent(action, self.who.actor(), self.id, *arguments)


Subject = NamedDependency[TargetEndpoint]
KNOWN = ResponseSpec(
    views.EndpointObject,
    generate_examples=False,
    description="It was there before: nothing is added",
)


class Endpoints(Controller):
    path = "/management/callbacks"
    tags = ("callbacks",)
    dependencies = {"subject": Provide(TargetEndpoint, sync_to_thread=False)}  # noqa: RUF012  never changed

    @get(
        "/",
        summary="List the endpoints",
        response_description="The endpoints, in order of creation",
    )
    async def list_endpoints(self, context: GivenContext) -> list[views.EndpointObject]:
        """Those of the settings and those that were added, with what is pending for each."""
        found, figures = await context.store.read(_present)
        return [_shown(context, each, figures) for each in found]

    @post(
        "/",
        summary="Add an endpoint",
        response_description="The new endpoint",
        responses={200: KNOWN},
        opt={"refuses": (errors.Conflict,)},
    )
    async def add_endpoint(
        self,
        request: AnyRequest,
        context: GivenContext,
        data: JSONBody[callback_bodies.AddEndpoint],
    ) -> Response[views.EndpointObject]:
        """It hears of the events of its `scope` whose type fits one of `events`, from here on: of
        `rooms`, of one workspace or site (`workspace:1`, `site:default`), or of `all`, the
        server's own events among them.

        Over TCP its URL may lead to public addresses only, besides those of
        `CALLBACK_ALLOW_NETWORKS`. The same URL, events and scope again add nothing.
        """
        who = caller.of(request.scope)
        result = await context.store.write_urgent(
            actions.add,
            who.actor(),
            data.url,
            data.events,
            data.secret,
            who.is_trusted,
            context.settings,
            data.scope,
        )
        shown = await _result(context, result)
        return Response(shown, status_code=201 if result.changed else 200)

    @get("/{endpoint_id:str}", summary="Show an endpoint", response_description="The endpoint")
    async def show_endpoint(self, context: GivenContext, subject: Subject) -> views.EndpointObject:
        """Whether it is enabled, since when it fails, and what is pending for it."""
        found, figures = await context.store.read(_one, subject.id)
        return _shown(context, found, figures)

    @patch(
        "/{endpoint_id:str}",
        summary="Change an endpoint, enable it, or disable it",
        response_description="The endpoint as it is now",
        opt={"refuses": (errors.Conflict,)},
    )
    async def change_endpoint(
        self,
        context: GivenContext,
        subject: Subject,
        data: JSONBody[callback_bodies.ChangeEndpoint],
    ) -> views.EndpointObject:
        """What is not named stays. With a new secret, each request has a signature by the one
        before, too, for 24 hours. Enabling, or another URL, tries at once what waits for a retry.

        An endpoint of the settings is changed there: 409.
        """
        is_own_word = subject.who.is_trusted
        changes = actions.Changes(data.url, data.events, data.secret, data.status, is_own_word)
        result = await subject.run(actions.change, changes, context.settings)
        if result.changed and (data.url is not None or data.status == "enabled"):
            while await context.store.write(actions.hurry, subject.id):
                pass
        context.due.notify()
        return await _result(context, result)

    @delete(
        "/{endpoint_id:str}",
        status_code=200,
        summary="Remove an endpoint",
        response_description="It is gone",
        opt={"refuses": (errors.Conflict,)},
    )
    async def remove_endpoint(self, context: GivenContext, subject: Subject) -> Changed:
        """What is pending for it is not sent any more; its deliveries can still be listed.

        An endpoint of the settings is removed there: 409.
        """
        await subject.run(actions.remove)
        while await context.store.write(actions.skip_of_removed):
            pass
        return Changed(True)

    @post(
        "/{endpoint_id:str}/test",
        status_code=202,
        summary="Send samples to an endpoint",
        response_description="The deliveries that are made for it",
        opt={"refuses": (errors.Conflict,)},
    )
    async def test_endpoint(
        self,
        context: GivenContext,
        subject: Subject,
        data: JSONBody[callback_bodies.TestEndpoint | None] = None,
    ) -> callback_bodies.TestsPlanned:
        """One of each kind of event that it gets, or of `event` alone; of an added endpoint, the
        event `test`. They have the header `x-chatctl-mark: test`, are tried once, and are in
        nobody's way. A disabled endpoint gets none: 409.
        """
        wanted = data or EVERYTHING
        made = await context.store.write_urgent(actions.request_test, subject.id, wanted.event)
        context.due.notify()
        return callback_bodies.TestsPlanned([deliveries.public_id(each) for each in made])


async def _result(context: Context, result: actions.Result) -> views.EndpointObject:
    figures = await context.store.read(_figures)
    return _shown(context, result.endpoint, figures, changed=result.changed)


def _shown(
    context: Context,
    stored: endpoints.Endpoint,
    figures: EndpointFigures,
    changed: bool | UnsetType = UNSET,
) -> views.EndpointObject:
    return views.endpoint(
        stored,
        figures.outstanding.get(stored.id, deliveries.Outstanding()),
        times.now(),
        scope=figures.scopes[stored.scope],
        has_common_secret=bool(context.settings.callback_signing_secret),
        changed=changed,
    )


def _present(db: Database) -> tuple[list[endpoints.Endpoint], EndpointFigures]:
    return endpoints.present(db), _figures(db)


def _one(db: Database, endpoint_id: str) -> tuple[endpoints.Endpoint, EndpointFigures]:
    return endpoints.find(db, endpoint_id), _figures(db)


def _figures(db: Database) -> EndpointFigures:
    return EndpointFigures(deliveries.outstanding(db), scopes.names_of_endpoints(db))
