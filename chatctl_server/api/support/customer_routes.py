"""Customers: erased, with what they wrote."""

from litestar import delete
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.actions import customers as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.support import people
from chatctl_server.domain.events import Actor
from chatctl_server.domain.support import Person
from chatctl_server.storage import customers
from chatctl_server.storage.customers import MessagePlace
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.views.support import fields


@delete(
    "/api/customers/{customer_id:str}",
    tags=("sites",),
    summary="Erase a customer",
    response_description="Nothing names them, and what they wrote is gone",
    opt={
        "refuses": (errors.NotAllowed, errors.CustomerNotFound),
    },
)
async def erase_customer(
    request: AnyRequest, context: GivenContext, customer_id: FromPath[fields.CustomerId]
) -> None:
    """For admins and owners, also when the site was deleted. Names, texts, files and addresses of
    the customer leave the tables and the log; their conversations are closed, and their sockets
    with 4501. Backups made before have them."""
    actor = caller.of(request.scope).actor()
    who = await people.person(context, request.scope)
    site = await context.store.read_live(_site, who, customer_id)
    await erase(context.store, actor, site, customer_id)


async def erase(store: Store, actor: Actor, site: SiteRef, customer_id: str) -> None:
    """In steps."""
    left: MessagePlace | None = actions.START
    while left is not None:
        left = await store.write(actions.erase_some, actor, site, customer_id, left)
    await store.write(actions.erase, actor, site, customer_id)


def _site(db: Database, who: Person, customer_id: str) -> SiteRef:
    """Where the caller is an admin; it may have been deleted. Raises NotAllowed, or
    CustomerNotFound, also for one of another workspace."""
    people.check_agent(who)
    found = customers.site_of(db, customer_id)
    if found.workspace not in who.roles:
        raise customers.not_found(customer_id)
    people.administered(who, found.workspace)
    return found
