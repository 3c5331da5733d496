"""Visitors of a site: each gets a token, which is all that shows who they are."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.params import JSONBody

from chatctl_server import errors
from chatctl_server.actions import customers as actions
from chatctl_server.api import caller, cors
from chatctl_server.api.caller import Scope
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.domain import events
from chatctl_server.domain import sites as rules
from chatctl_server.storage import sites
from chatctl_server.storage.sites import Site
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields
from chatctl_server.views.support.sites import KEY

_TOKEN = "Uq1XyT0mB9sJ3cK5vN7wZ2eR4aL6dF8gH0iP1oQ3uSY"  # noqa: S105  an example
_HASH = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"


class GreetVisitor(msgspec.Struct, frozen=True):
    site: Annotated[str, means("The site's key, or its id", KEY)]
    name: Annotated[str | None, means("At most 128 characters", "Bo")] = None
    email: Annotated[str | None, means("Where they are written to")] = None
    user_id: Annotated[str | None, means("Who they are in the host product", "u-1")] = None
    identity_hash: Annotated[
        str | None,
        means(
            "Hex HMAC-SHA-256 of `user_id` under the site's secret: the host product's word", _HASH
        ),
    ] = None


class GivenVisitorToken(msgspec.Struct, frozen=True):
    visitor_token: Annotated[
        str, means("For `X-Visitor-Token`; 90 days since it was last shown", _TOKEN)
    ]
    customer_id: fields.CustomerId
    verified: Annotated[bool, means("Whether the host product has said who it is", True)]


@post(
    "/api/visitors",
    status_code=201,
    tags=("sites",),
    summary="Welcome a visitor",
    response_description="The visitor's token",
    opt={
        "asks_store": True,
        "refuses": (
            errors.Unauthorized,
            errors.Forbidden,
            errors.Banned,
            errors.SiteNotFound,
            errors.BadText,
            errors.Throttled,
        ),
    },
)
async def welcome_visitor(
    request: AnyRequest, context: GivenContext, data: JSONBody[GreetVisitor]
) -> GivenVisitorToken:
    """For a page of the site's `allowed_origins`, one of this server's, or no page; an address has
    `VISITORS_PER_MINUTE`. With a `user_id` and its `identity_hash` it is the same customer on every
    device; without, a new one."""
    address = caller.of(request.scope).address
    context.limits.visitors.check(address)
    context.limits.visitors.add(address)
    site = await context.store.read_live(sites.named, data.site)
    check_page(request.scope, context, site)
    identity = actions.VisitorIdentity(data.name, data.email, data.user_id, data.identity_hash)
    actor = events.Actor(None, "visitor", address or None)
    found = await context.store.write(actions.welcome, actor, site.ref, identity)
    return GivenVisitorToken(found.token, found.customer.id, found.customer.is_verified)


def check_page(scope: Scope, context: Context, site: Site) -> None:
    """Raises Forbidden for a page of an Origin that is neither ours nor on the site's list."""
    origin = (caller.header(scope, b"origin") or b"").decode("latin-1")
    is_own = cors.is_own(scope, context.settings.public_url)
    if not is_own and not rules.allows(site.settings, origin):
        raise errors.Forbidden("This Origin is not one of the site's allowed_origins")
