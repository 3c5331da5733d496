"""Scopes: a workspace's, a site's. That of the rooms is there from the beginning."""

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.domain.references import ScopeType
from chatctl_server.storage import scopes
from chatctl_server.storage.transaction import Tx


def create(tx: Tx, actor: events.Actor, type: ScopeType, number: int) -> int:  # noqa: A002
    """The new scope's id. Raises Conflict when there is one of that type and number."""
    if scopes.find(tx.db, type, number) is not None:
        raise errors.Conflict(f"There is a {type} {number} already", field="number")
    scope = tx.take("scope")
    tx.record(events.ScopeCreated(type, number), actor, scope=scope)
    return scope
