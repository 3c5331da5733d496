"""For a command that works on the file alone: what is due is sent while it waits."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.params import JSONBody

from chatctl_server import errors
from chatctl_server.api.context import GivenContext

Seconds = Annotated[float, msgspec.Meta(gt=0, le=366 * 86_400)]


class DeliverDue(msgspec.Struct, frozen=True):
    """For how long at most."""

    seconds: Seconds


class Drained(msgspec.Struct, frozen=True):
    """How many deliveries arrived, failed or were skipped, and are left. Unless ``is_planned``
    there would be more: the time was over before."""

    delivered: int
    failed: int
    pending: int
    is_planned: bool


@post("/management/sync/due", status_code=200, include_in_schema=False)
async def deliver_due(context: GivenContext, data: JSONBody[DeliverDue]) -> Drained:
    """Plans and sends until nothing is pending. A server does that all the time, and a command
    that only reads never: 409."""
    send = context.callbacks().deliver_due
    if send is None:
        raise errors.Conflict("the server delivers by itself")
    return Drained(*await send(data.seconds))
