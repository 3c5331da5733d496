"""Workspaces: made, and who is in them."""

from chatctl_server import errors
from chatctl_server.actions import scopes
from chatctl_server.domain import account_events, accounts, events
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import workspaces
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import Workspace, WorkspaceRef


def create(
    tx: Tx, actor: events.Actor, name: str, description: str = "", *, is_open: bool = False
) -> Workspace:
    """Without members. Raises InvalidInput, BadText, or NameTaken."""
    name = accounts.check_workspace_name(name)
    if workspaces.by_name(tx.db, name) is not None:
        raise errors.NameTaken(f"There is a workspace {name} already", field="name")
    number = tx.take("workspace")
    scope = scopes.create(tx, actor, "workspace", number)
    payload = account_events.WorkspaceCreated(number, name, description, is_open)
    tx.record(payload, actor, scope=scope)
    return workspaces.get(tx.db, number)


def add_member(
    tx: Tx,
    actor: events.Actor,
    ref: WorkspaceRef,
    account: int,
    role: Role,
    invite_id: int | None = None,
) -> events.Event | None:
    """None for somebody who is in it, in whatever role. The first one of an account is its home."""
    if workspaces.role(tx.db, ref, account) is not None:
        return None
    payload = account_events.WorkspaceMemberJoined(ref.number, account, role, invite_id)
    return tx.record(payload, actor, scope=ref.scope)
