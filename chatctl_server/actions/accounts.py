"""Accounts: made, changed, suspended. Their passwords are hashed before an action is given them."""

from chatctl_server import errors
from chatctl_server.domain import account_events, events
from chatctl_server.domain import accounts as rules
from chatctl_server.storage import accounts
from chatctl_server.storage.sql import Query
from chatctl_server.storage.transaction import Tx

_SET_PASSWORD = Query("INSERT OR REPLACE INTO password (account, hash) VALUES (:account, :hash)")


def create(
    tx: Tx, actor: events.Actor, fullname: str, email: str, password_hash: str | None
) -> accounts.Account:
    """Without a password nobody can sign in as it. It is in no workspace yet. Raises InvalidInput,
    BadText, or EmailTaken."""
    fullname, email = rules.check_fullname(fullname), rules.check_email(email)
    if accounts.by_email(tx.db, email) is not None:
        raise errors.EmailTaken(f"User with email {email} already exists", field="email")
    account = tx.take("account")
    tx.record(account_events.AccountCreated(account, email, fullname), actor)
    if password_hash is not None:
        _SET_PASSWORD.run(tx.db, account=account, hash=password_hash)
    return accounts.get(tx.db, account)
