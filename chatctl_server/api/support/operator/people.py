"""As whom an operator acts at the desk: where they reach, as an owner; a named key as an agent."""

from chatctl_server.api.caller import Caller
from chatctl_server.api.context import Context
from chatctl_server.api.support import people
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.support import Person
from chatctl_server.storage import sites
from chatctl_server.storage.sql import Database


async def person(context: Context, who: Caller, reach: int | None) -> Person:
    """``reach``: the number of the only workspace that is asked for; None: all of them."""
    if who.grant is not None:
        return await people.person_of(context, who)
    roles = await context.store.read_live(_roles, reach)
    return Person(who.user_id or people.OPERATOR, people.OPERATOR, "agent", roles)


def _roles(db: Database, reach: int | None) -> dict[int, Role]:
    numbers = sites.workspaces_of_all(db) if reach is None else [reach]
    return dict.fromkeys(numbers, "owner")
