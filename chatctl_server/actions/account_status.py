"""Accounts are suspended, and may sign in again. Only an operator does that."""

from chatctl_server import errors
from chatctl_server.actions import logins, support
from chatctl_server.domain import account_events, events
from chatctl_server.storage import accounts
from chatctl_server.storage.transaction import Tx


def suspend(
    tx: Tx, actor: events.Actor, account: int, agents: support.Agents = ()
) -> events.Event | None:
    """Its sessions end, with their tokens and streams, and it has no support conversations; None
    when it is suspended already. Raises AccountNotFound."""
    if check_there(tx, account) != "active":
        return None
    logins.end_all(tx, actor, account, "suspended")
    suspended = tx.record(account_events.AccountSuspended(account), actor)
    support.take_away(tx, account, None, agents)
    return suspended


def reactivate(tx: Tx, actor: events.Actor, account: int) -> events.Event | None:
    """None when it is active. Raises AccountNotFound, also of one that was erased."""
    if check_there(tx, account) == "active":
        return None
    return tx.record(account_events.AccountReactivated(account), actor)


def check_there(tx: Tx, account: int) -> str:
    """Its status. Raises AccountNotFound, also of one that was erased."""
    found = accounts.get(tx.db, account)
    if found.status == "erased":
        raise errors.AccountNotFound(f"The user {account} was erased", field="user_id")
    return found.status
