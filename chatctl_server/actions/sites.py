"""Sites, the tenants of the widget: made, changed, deleted, with their keys (contract support, 1).

An account may do what its role in the site's workspace lets it; an operator may do anything.
"""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.actions import scopes, site_ends
from chatctl_server.actions.workspaces import check_role
from chatctl_server.domain import events, support, support_events
from chatctl_server.domain import sites as rules
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage import sites, workspaces
from chatctl_server.storage.sites import Site, SiteRef
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef

MAX_BLOCKED = 1000


def create(tx: Tx, actor: events.Actor, workspace: WorkspaceRef, settings: SiteSettings) -> Site:
    """With a new key and secret. Raises NotAllowed, WorkspaceNotFound, InvalidInput, BadText or
    TooLarge."""
    check_role(tx.db, actor, workspace, "owner", "admin")
    settings = rules.check(settings)
    site_id = support.new_id("site")
    scope = scopes.create(tx, actor, "site", tx.take("site"))
    payload = support_events.SiteCreated(site_id, workspace.number, settings)
    tx.record(payload, actor, scope=scope)
    sites.add_key(tx.db, site_id)
    return sites.get(tx.db, site_id)


def change(
    tx: Tx,
    actor: events.Actor,
    ref: SiteRef,
    settings: SiteSettings,
    blocked: Sequence[str] | UnsetType = UNSET,
) -> Site:
    """All of its settings; ``blocked``: the customers who may not write, unset: as they are.
    Raises NotAllowed, SiteNotFound, InvalidInput, BadText or TooLarge."""
    check_may(tx, actor, ref)
    found = sites.get(tx.db, ref.id)
    settings = rules.check(settings)
    if settings != found.settings:
        tx.record(support_events.SiteChanged(ref.id, settings), actor, scope=ref.scope)
    if blocked is not UNSET:
        _block(tx, actor, ref, blocked)
    return sites.get(tx.db, ref.id)


def _block(tx: Tx, actor: events.Actor, ref: SiteRef, wanted: Sequence[str]) -> None:
    if len(wanted) > MAX_BLOCKED:
        raise errors.InvalidInput(
            f"blocked_visitors: at most {MAX_BLOCKED} are allowed", field="blocked_visitors"
        )
    for each in wanted:
        if not support.is_customer(each):
            raise errors.InvalidInput(
                f"blocked_visitors: {each[:40]!r} is no customer's id", field="blocked_visitors"
            )
    before = sites.blocked(tx.db, ref, tx.now)
    for each in dict.fromkeys(wanted):
        if each not in before:
            payload = events.BanSet(each, None, actor.user_id, None)
            tx.record(payload, actor, scope=ref.scope)
    for each in before:
        if each not in wanted:
            tx.record(events.BanLifted(each), actor, scope=ref.scope)


def delete(tx: Tx, actor: events.Actor, ref: SiteRef) -> bool:
    """As ``site_ends.end``. Raises NotAllowed, SiteNotFound, or InvalidInput for the site
    default."""
    check_may(tx, actor, ref)
    if ref.id == sites.DEFAULT:
        raise errors.InvalidInput("The site default cannot be deleted", field="site_id")
    sites.get(tx.db, ref.id)
    return site_ends.end(tx, actor, ref)


def rotate_key(tx: Tx, actor: events.Actor, ref: SiteRef, secret: bool) -> Site:
    """The key before it opens nothing from here on; ``secret``: that is new, too. Raises
    NotAllowed or SiteNotFound."""
    check_may(tx, actor, ref)
    sites.get(tx.db, ref.id)
    sites.set_key(tx.db, ref)
    if secret:
        sites.set_secret(tx.db, ref)
    tx.record(support_events.SiteKeyRotated(ref.id, secret), actor, scope=ref.scope)
    return sites.get(tx.db, ref.id)


def check_may(tx: Tx, actor: events.Actor, ref: SiteRef) -> None:
    """Raises NotAllowed, or WorkspaceNotFound."""
    check_role(tx.db, actor, workspaces.get(tx.db, ref.workspace).ref, "owner", "admin")
