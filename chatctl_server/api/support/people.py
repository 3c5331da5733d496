"""Who asks the desk for something, by what they have shown."""

from collections.abc import Callable

from chatctl_server import errors
from chatctl_server.actions import customers as actions
from chatctl_server.api import caller
from chatctl_server.api.caller import Caller, Scope
from chatctl_server.api.context import Context
from chatctl_server.domain import accounts, codes, text, times
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.support import (
    OPEN_ACCESS,
    VISITOR_TOKEN_MICROSECONDS,
    Person,
    SenderType,
)
from chatctl_server.storage import customers, desk_people, sites, workspaces
from chatctl_server.storage.customers import Customer
from chatctl_server.storage.sites import Site
from chatctl_server.storage.sql import Database
from chatctl_server.storage.workspaces import WorkspaceRef

Finder = Callable[[Database], Person]
VISITOR, OPEN = "visitor", OPEN_ACCESS  # credentials of callers
OPERATOR = "operator"  # who an agent without credentials is
EXTENDED_EACH = 24 * 3600 * times.SECOND  # a token's end is moved once a day
NO_ROLE = "The desk is for agents: it takes the role agent, admin or owner in a workspace"


async def person(context: Context, scope: Scope) -> Person:
    """Raises NotAllowed for an account that is no agent anywhere."""
    return await person_of(context, caller.of(scope))


async def person_of(context: Context, who: Caller) -> Person:
    return await context.store.read_live(await _finder(context, who))


async def finder(context: Context, who: Caller) -> Finder:
    """Makes the person anew, of what the database says then. Raises NotAllowed or Banned for who
    is none now."""
    find = await _finder(context, who)
    await context.store.read_live(find)
    return find


async def _finder(context: Context, who: Caller) -> Finder:
    if who.credential == VISITOR:
        return lambda db: _visitor(db, who.user_id or "", times.now())
    if who.credential == OPEN:
        return open_agent
    if who.grant is not None:
        assert who.grant.workspace is not None  # a support key is of one
        roles: dict[int, Role] = {who.grant.workspace: "agent"}
        keyed = Person(who.credential, who.grant.name, "agent", roles)
        return lambda _: keyed
    name = await context.directory.fullname(who.account)
    return lambda db: _agent(db, who.account, name)


def _agent(db: Database, account: int, name: str) -> Person:
    roles = desk_people.roles(db, account)
    if not roles:
        raise errors.NotAllowed(NO_ROLE)
    return Person(accounts.user_id(account), name, "agent", roles)


def _visitor(db: Database, customer_id: str, now: int) -> Person:
    site = sites.of_scope(db, customers.site_of(db, customer_id).scope)
    if site is None:
        raise errors.Unauthorized("The site is not there any more")
    return visitor(db, site, customers.get(db, site.ref, customer_id), now)


def visitor(db: Database, site: Site, customer: Customer, now: int) -> Person:
    """Raises Banned."""
    if sites.is_blocked(db, site.ref, customer.id, now):
        raise errors.Banned("You are blocked on this site")
    return Person(
        customer.id,
        customer.name,
        "visitor",
        {site.ref.workspace: "member"},
        customer.id,
        site.ref.scope,
    )


def open_agent(db: Database) -> Person:
    """Under SUPPORT_ACCESS=open, without credentials."""
    ref = sites.get(db, sites.DEFAULT).ref
    return Person(OPERATOR, OPERATOR, "agent", {ref.workspace: "agent"}, None, ref.scope)


def posing_as(who: Person, sender_id: str | None, sender_type: SenderType | None) -> Person:
    """Under SUPPORT_ACCESS=open the body says who sends; for all others it is not read."""
    name = who.id if sender_id is None else text.check_name(sender_id, "sender_id")
    return who._replace(id=name, name=name, sender_type=sender_type or who.sender_type)


def administered(who: Person, workspace: int | None) -> int:
    """The number of the workspace that an admin or owner means: of several, they name one. Raises
    NotAllowed for who is neither there, InvalidInput."""
    mine = [each for each in who.roles if who.is_admin_of(each)]
    if not mine or (workspace in who.roles and workspace not in mine):
        raise errors.NotAllowed("This is for admins and owners of the workspace")
    if workspace is not None:
        return workspace
    if len(mine) > 1:
        raise errors.InvalidInput(
            "You administer several workspaces: name one as workspace_id", field="workspace_id"
        )
    return mine[0]


def check_agent(who: Person) -> None:
    """Raises NotAllowed for a visitor."""
    if who.is_visitor:
        raise errors.NotAllowed("This is for agents")


def workspace(db: Database, who: Person, number: int | None) -> WorkspaceRef:
    """That an agent means: of several, they name one. Raises NotAllowed, WorkspaceNotFound,
    InvalidInput."""
    check_agent(who)
    if number is None and len(who.roles) > 1:
        raise errors.InvalidInput(
            "You are an agent of several workspaces: name one in X-Workspace-Id",
            field="X-Workspace-Id",
        )
    found = next(iter(who.roles)) if number is None else number
    if found not in who.roles:
        workspaces.find(db, accounts.account_id(who.id), found)
        raise errors.NotAllowed("This is for agents of the workspace")
    return workspaces.get(db, found).ref


async def shown_visitor(context: Context, key: str, token: str) -> Caller | None:
    """Whose visitor's token that is, of the site with that key; None where it is nobody's."""
    found = await context.store.read_live(_shown, key, codes.hashed(token), times.now())
    if found is None:
        return None
    customer, left = found
    if left < VISITOR_TOKEN_MICROSECONDS - EXTENDED_EACH:
        await context.store.write(actions.extend, codes.hashed(token))
    return Caller("", VISITOR, customer)


def _shown(db: Database, key: str, hash: bytes, now: int) -> tuple[str, int] | None:  # noqa: A002
    try:
        site = sites.named(db, key)
    except errors.SiteNotFound:
        return None
    shown = customers.of_token(db, hash, now)
    if shown is None or shown.customer.scope != site.ref.scope:
        return None
    return shown.customer.id, shown.expires_at - now
