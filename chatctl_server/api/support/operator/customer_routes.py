"""Customers, erased by an operator."""

from litestar import delete
from litestar.params import FromPath

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.reach import ADMIN_KEY
from chatctl_server.api.support import customer_routes as routes
from chatctl_server.storage import customers
from chatctl_server.views.support import fields


@delete(
    "/management/customers/{customer_id:str}",
    tags=("desk-operator",),
    summary="Erase any customer",
    response_description="Nothing names them, and what they wrote is gone",
    opt={**ADMIN_KEY, "refuses": (errors.CustomerNotFound,), "never": (errors.InvalidInput,)},
)
async def erase_any_customer(
    request: AnyRequest, context: GivenContext, customer_id: FromPath[fields.CustomerId]
) -> None:
    """As admins and owners do, and also when the site's workspace was deleted."""
    site = await context.store.read_live(customers.site_of, customer_id)
    await routes.erase(context.store, caller.of(request.scope).actor(), site, customer_id)
