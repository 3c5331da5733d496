"""Sites, the tenants of the widget: for agents to read, for admins and owners to change."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import sites as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody
from chatctl_server.api.support import people
from chatctl_server.api.support.asked_workspace import ASKED_BY, AskedWorkspaceId
from chatctl_server.api.support.site_bodies import ChangeSite, CreateSite, RotateSiteKey
from chatctl_server.domain import times
from chatctl_server.domain.events import Actor
from chatctl_server.domain.support import Person
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage import sites, workspaces
from chatctl_server.storage.sites import Site, SiteRef
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.support import fields
from chatctl_server.views.support import sites as views
from chatctl_server.views.support.sites import SiteObject

T = TypeVar("T")
ONE = (errors.SiteNotFound, errors.NotAllowed)
SETTINGS = (errors.BadText, errors.TooLarge)


class TargetSite:
    """Of a workspace whose desk the caller sees."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, site_id: FromPath[fields.SiteId]
    ) -> None:
        self._id = site_id
        self._context = context
        self._caller = caller.of(request.scope)

    async def who(self) -> Person:
        return await people.person_of(self._context, self._caller)

    async def show(self) -> SiteObject:
        return await self._context.store.read_live(one, await self.who(), self._id)

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        """Raises SiteNotFound, or NotAllowed for who is no admin."""
        store = self._context.store
        ref = await store.read_live(_administered, await self.who(), self._id)
        return await store.write(action, self._caller.actor(), ref, *arguments)


Target = NamedDependency[TargetSite]
TARGET = {"target": Provide(TargetSite, sync_to_thread=False)}


class Sites(Controller):
    path = "/api/sites"
    tags = ("sites",)
    dependencies = TARGET

    @get(
        "/",
        summary="List sites",
        response_description="The sites, in the order in which they were made",
        opt={"refuses": (errors.NotAllowed,)},
    )
    async def list_sites(self, request: AnyRequest, context: GivenContext) -> list[SiteObject]:
        """Of the workspaces whose agent the caller is. Admins and owners are shown secrets."""
        who = await people.person(context, request.scope)
        return await context.store.read(listed, who)

    @post(
        "/",
        summary="Create a site",
        response_description="The new site, with its key and its secret",
        opt={
            "refuses": (*SETTINGS, errors.NotAllowed, errors.WorkspaceNotFound),
            "never": (errors.NoWorkspace,),
        },
    )
    async def create_site(
        self,
        request: AnyRequest,
        context: GivenContext,
        data: JSONBody[CreateSite],
        workspace_id: AskedWorkspaceId = None,
    ) -> SiteObject:
        """For admins and owners of a workspace: the one that the body or `X-Workspace-Id` names,
        else the only one that they are that in."""
        who = await people.person(context, request.scope)
        asked = workspace_id if data.workspace_id is None else data.workspace_id
        number = people.administered(who, asked)
        actor = caller.of(request.scope).actor()
        field = ASKED_BY if data.workspace_id is None else "workspace_id"
        made = await context.store.write(create_in, actor, number, data, field)
        return await context.store.read_live(one, who, made.id)

    @get(
        "/{site_id:str}",
        summary="Show a site",
        response_description="The site",
        opt={"refuses": ONE, "never": (errors.InvalidInput,)},
    )
    async def show_site(self, target: Target) -> SiteObject:
        """For agents. Its secret is shown to admins and owners."""
        return await target.show()

    @patch(
        "/{site_id:str}",
        summary="Change a site",
        response_description="The site as it is now",
        opt={"refuses": (*ONE, *SETTINGS)},
    )
    async def change_site(self, target: Target, data: JSONBody[ChangeSite]) -> SiteObject:
        """For admins and owners. What is left out stays. `blocked_visitors` are all of them: who
        is among them is shown out, and may come back when they are left out again."""
        await target.run(change, data)
        return await target.show()

    @delete(
        "/{site_id:str}",
        summary="Delete a site",
        response_description="It is gone, and its key opens nothing",
        opt={"refuses": ONE},
    )
    async def delete_site(self, target: Target) -> None:
        """For admins and owners. Its conversations are closed, and found no more. The site
        `default` stays: 400."""
        while not await target.run(actions.delete):
            pass

    @post(
        "/{site_id:str}/rotate-key",
        status_code=200,
        summary="Give a site a new key",
        response_description="The site with its new key",
        request_class=OptionalBody,
        opt={"refuses": ONE},
    )
    async def rotate_site_key(
        self, target: Target, data: JSONBody[RotateSiteKey | None] = None
    ) -> SiteObject:
        """For admins and owners. The key before it opens nothing from here on: the pages need the
        new one. With `secret` there is a new secret, too."""
        is_secret = data is not None and data.secret
        await target.run(partial(actions.rotate_key, secret=is_secret))
        return await target.show()


def listed(db: Database, who: Person) -> list[SiteObject]:
    people.check_agent(who)
    return [_shown(db, who, each) for each in sites.of_workspaces(db, who.roles, who.only_site)]


def one(db: Database, who: Person, site_id: str) -> SiteObject:
    return _shown(db, who, _find(db, who, site_id))


def _find(db: Database, who: Person, site_id: str) -> Site:
    people.check_agent(who)
    found = sites.find(db, who.roles, site_id)
    if who.only_site not in (None, found.ref.scope):
        raise errors.SiteNotFound(f"There is no site {site_id[:60]}", field="site_id")
    return found


def _shown(db: Database, who: Person, found: Site) -> SiteObject:
    secret = sites.secret(db, found.ref) if who.is_admin_of(found.ref.workspace) else None
    return views.site(found, sites.blocked(db, found.ref, times.now()), secret)


def _administered(db: Database, who: Person, site_id: str) -> SiteRef:
    ref = _find(db, who, site_id).ref
    people.administered(who, ref.workspace)
    return ref


def create(tx: Tx, actor: Actor, workspace: int, settings: SiteSettings) -> Site:
    return actions.create(tx, actor, workspaces.get(tx.db, workspace).ref, settings)


def create_in(
    tx: Tx, actor: Actor, workspace: int, data: CreateSite, field: str = "workspace_id"
) -> Site:
    """Raises WorkspaceNotFound, which names the field, also for one that the caller is not in."""
    try:
        made = create(tx, actor, workspace, data.over(SiteSettings(data.name)))
        return actions.change(tx, actor, made.ref, made.settings, data.blocked_visitors)
    except errors.WorkspaceNotFound as error:
        error.field = field
        raise


def change(tx: Tx, actor: Actor, ref: SiteRef, data: ChangeSite) -> Site:
    settings = data.over(sites.get(tx.db, ref.id).settings)
    return actions.change(tx, actor, ref, settings, data.blocked_visitors)
