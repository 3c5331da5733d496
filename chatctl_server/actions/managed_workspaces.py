"""Workspaces, as an operator makes them and puts people into them."""

from chatctl_server.actions import workspaces
from chatctl_server.domain import events
from chatctl_server.storage import workspaces as stored
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import Workspace


def create(
    tx: Tx, actor: events.Actor, name: str, description: str, is_open: bool, owner: int | None
) -> Workspace:
    """``owner`` None: nobody is in it. Raises what ``workspaces.create`` raises, or
    AccountNotFound."""
    made = workspaces.create(tx, actor, name, description, is_open=is_open)
    if owner is not None:
        workspaces.add_member(tx, actor, made.ref, owner, "owner")
    return stored.get(tx.db, made.id)
