"""Accounts, as an operator makes and changes them. One that was erased is not there."""

from typing import NamedTuple

from chatctl_server.actions import account_status, accounts, logins, support, workspaces
from chatctl_server.domain import events
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import accounts as stored
from chatctl_server.storage import workspaces as stored_workspaces
from chatctl_server.storage.transaction import Tx


class NewAccount(NamedTuple):
    """``role`` None: the owner of an empty workspace, a member of any other."""

    fullname: str
    email: str
    password_hash: str | None
    workspace: int
    role: Role | None


def create(tx: Tx, actor: events.Actor, wanted: NewAccount) -> int:
    """Its number. Raises WorkspaceNotFound, InvalidInput, BadText, or EmailTaken."""
    ref = stored_workspaces.get(tx.db, wanted.workspace).ref
    usual: Role = "owner" if stored_workspaces.is_empty(tx.db, ref) else "member"
    made = accounts.create(tx, actor, wanted.fullname, wanted.email, wanted.password_hash)
    workspaces.add_member(tx, actor, ref, made.id, wanted.role or usual)
    return made.id


def change(
    tx: Tx,
    actor: events.Actor,
    account: int,
    changes: accounts.AccountChanges,
    status: str | None,
    agents: support.Agents = (),
) -> None:
    """``status``: ``suspended``, ``active``, or None for what it is. Raises what
    ``accounts.change`` raises."""
    if status == "suspended":
        account_status.suspend(tx, actor, account, agents)
    elif status is not None:
        account_status.reactivate(tx, actor, account)
    accounts.change(tx, actor, account, changes)


def set_password(tx: Tx, actor: events.Actor, account: int, password_hash: str) -> None:
    """Ends its sessions. Raises AccountNotFound."""
    account_status.check_there(tx, account)
    accounts.set_password(tx, actor, account, password_hash)


def make_reset_link(tx: Tx, actor: events.Actor, account: int, expires_in: int) -> str:
    """Raises AccountNotFound."""
    account_status.check_there(tx, account)
    return accounts.make_reset_link(tx, actor, account, expires_in)


def end_sessions(tx: Tx, actor: events.Actor, account: int) -> list[str]:
    """Which have ended. Raises AccountNotFound."""
    return logins.end_all(tx, actor, stored.get(tx.db, account).id, "revoked")
