"""Customers: erased, with what they wrote."""

from litestar import delete
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.actions import customers as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.support import people
from chatctl_server.domain.support import Person
from chatctl_server.storage import customers
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.sql import Database
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
    """For admins and owners. Names, texts and files of the customer leave the tables and the log,
    and their sockets are closed with 4501. Backups made before have them."""
    store, actor = context.store, caller.of(request.scope).actor()
    who = await people.person(context, request.scope)
    site = await store.read_live(_site, who, customer_id)
    while await store.write(actions.erase_some, actor, site, customer_id):
        pass
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
