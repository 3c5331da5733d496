"""Sites, as an operator manages them."""

from functools import partial
from typing import Any

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import sites as actions
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody
from chatctl_server.api.reach import ADMIN_KEY, REACH, OnlyWorkspace, Reach, narrowed
from chatctl_server.api.support import site_routes as routes
from chatctl_server.api.support.operator import people
from chatctl_server.api.support.site_bodies import ChangeSite, CreateSite, RotateSiteKey
from chatctl_server.api.support.site_routes import SETTINGS, TargetSite
from chatctl_server.domain.support import Person
from chatctl_server.views.support import fields
from chatctl_server.views.support import operator as views
from chatctl_server.views.support.operator import ManagedSite
from chatctl_server.views.support.sites import SiteObject

ONE = (errors.SiteNotFound,)


class AnySite(TargetSite):
    """Where the caller reaches its workspace."""

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        reach: Reach,
        site_id: FromPath[fields.SiteId],
    ) -> None:
        super().__init__(request, context, site_id)
        self._reach = reach

    async def who(self) -> Person:
        return await people.person(self._context, self._caller, self._reach)

    async def managed(self) -> ManagedSite:
        return _shown(self._context, await self.show())


Subject = NamedDependency[AnySite]
SUBJECT: dict[str, Any] = {**REACH, "subject": Provide(AnySite, sync_to_thread=False)}


class AllSites(Controller):
    path = "/management/sites"
    tags = ("desk-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="List all sites",
        response_description="The sites, in the order in which they were made",
        opt={"refuses": (errors.WorkspaceNotFound,)},
    )
    async def list_all_sites(
        self,
        request: AnyRequest,
        context: GivenContext,
        reach: Reach,
        workspace: OnlyWorkspace = None,
    ) -> list[ManagedSite]:
        """Of every workspace, or of one. A named key is shown no secrets."""
        only = narrowed(reach, workspace)
        who = await people.person(context, caller.of(request.scope), only)
        found = await context.store.read(routes.listed, who)
        return [_shown(context, each) for each in found]

    @post(
        "/",
        summary="Make a site",
        response_description="The new site, with its key and its secret",
        opt={**ADMIN_KEY, "refuses": (*SETTINGS, errors.WorkspaceNotFound)},
    )
    async def make_site(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[CreateSite]
    ) -> ManagedSite:
        """In workspace 0 unless another is named."""
        who, number = caller.of(request.scope), data.workspace_id or 0
        made = await context.store.write(routes.create_in, who.actor(), number, data)
        person = await people.person(context, who, made.ref.workspace)
        return _shown(context, await context.store.read_live(routes.one, person, made.id))

    @get(
        "/{site_id:str}",
        summary="Show any site",
        response_description="The site",
        opt={"refuses": ONE, "never": (errors.InvalidInput,)},
    )
    async def show_any_site(self, subject: Subject) -> ManagedSite:
        """By its id. A named key is shown no secret."""
        return await subject.managed()

    @patch(
        "/{site_id:str}",
        summary="Change any site",
        response_description="The site as it is now",
        opt={**ADMIN_KEY, "refuses": (*ONE, *SETTINGS)},
    )
    async def change_any_site(self, subject: Subject, data: JSONBody[ChangeSite]) -> ManagedSite:
        """What is left out stays."""
        await subject.run(routes.change, data)
        return await subject.managed()

    @delete(
        "/{site_id:str}",
        summary="Delete any site",
        response_description="It is gone, and its key opens nothing",
        opt={**ADMIN_KEY, "refuses": ONE},
    )
    async def delete_any_site(self, subject: Subject) -> None:
        """Its conversations are closed, and found no more. The site `default` stays: 400."""
        while not await subject.run(actions.delete):
            pass

    @post(
        "/{site_id:str}/rotate-key",
        status_code=200,
        summary="Give any site a new key",
        response_description="The site with its new key",
        request_class=OptionalBody,
        opt={**ADMIN_KEY, "refuses": ONE},
    )
    async def rotate_key_of_any_site(
        self, subject: Subject, data: JSONBody[RotateSiteKey | None] = None
    ) -> ManagedSite:
        """The key before it opens nothing from here on. With `secret` there is a new one, too."""
        is_secret = data is not None and data.secret
        await subject.run(partial(actions.rotate_key, secret=is_secret))
        return await subject.managed()


def _shown(context: Context, site: SiteObject) -> ManagedSite:
    return views.site(site, context.settings.public_url or context.address)
