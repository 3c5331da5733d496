"""Accounts: made, changed, given passwords. A password is hashed before an action is given it."""

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.actions import account_status, logins
from chatctl_server.domain import account_events, codes, events
from chatctl_server.domain import accounts as rules
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import accounts, passwords, reset_links
from chatctl_server.storage.accounts import Account
from chatctl_server.storage.transaction import Tx


class AccountChanges(msgspec.Struct, frozen=True):
    """What is unset stays."""

    fullname: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    avatar: str | UnsetType | None = UNSET
    is_operator: bool | UnsetType = UNSET


def create(
    tx: Tx, actor: events.Actor, fullname: str, email: str, password_hash: str | None
) -> Account:
    """Without a password nobody can sign in as it. It is in no workspace yet. Raises InvalidInput,
    BadText, or EmailTaken."""
    fullname, email = rules.check_fullname(fullname), rules.check_email(email)
    _check_free(tx, email, None)
    account = tx.take("account")
    tx.record(account_events.AccountCreated(account, email, fullname), actor)
    if password_hash is not None:
        passwords.save(tx.db, account, password_hash)
    return accounts.get(tx.db, account)


def _check_free(tx: Tx, email: str, account: int | None) -> None:
    """For that account, or for a new one."""
    found = accounts.by_email(tx.db, email)
    if found is not None and found.id != account:
        raise errors.EmailTaken(f"User with email {email} already exists", field="email")


def change(
    tx: Tx, actor: events.Actor, account: int, changes: AccountChanges
) -> events.Event | None:
    """None when it is so already. Raises AccountNotFound, InvalidInput, BadText, or EmailTaken."""
    account_status.check_there(tx, account)
    found = accounts.get(tx.db, account)
    payload = account_events.AccountChanged(
        account,
        found.email,
        found.fullname,
        found.avatar,
        found.home,
        bool(found.is_operator),
    )
    changed = payload
    if changes.fullname is not UNSET:
        fullname = rules.check_fullname(changes.fullname)
        changed = msgspec.structs.replace(changed, fullname=fullname)
    if changes.email is not UNSET:
        email = rules.check_email(changes.email)
        _check_free(tx, email, account)
        changed = msgspec.structs.replace(changed, email=email)
    if changes.avatar is not UNSET:
        changed = msgspec.structs.replace(changed, avatar=rules.check_avatar(changes.avatar))
    if changes.is_operator is not UNSET:
        changed = msgspec.structs.replace(changed, is_operator=changes.is_operator)
    return None if changed == payload else tx.record(changed, actor)


def set_password(
    tx: Tx,
    actor: events.Actor,
    account: int,
    password_hash: str,
    but: str | None = None,
) -> None:
    """Ends all sessions, but for that one, and makes reset links count no more."""
    passwords.save(tx.db, account, password_hash)
    reset_links.forget(tx.db, account)
    tx.record(account_events.PasswordChanged(account), actor)
    logins.end_all(tx, actor, account, "password_changed", but)


def change_password(
    tx: Tx, actor: events.Actor, account: int, known_hash: str, password_hash: str, login_id: str
) -> None:
    """Of one's own accord, who has shown the password that ``known_hash`` is of; the session goes
    on in which it is done. Raises InvalidCredentials when that is no longer the password."""
    logins.check_password(tx, account, known_hash)
    set_password(tx, actor, account, password_hash, but=login_id)


def make_reset_link(tx: Tx, actor: events.Actor, account: int, expires_in: int) -> str:
    """The code for it, which is good once; one that was made before is not good any more.
    ``expires_in`` in seconds. Raises AccountNotFound."""
    accounts.get(tx.db, account)
    code, expires_at = codes.new(), tx.now + expires_in * SECOND
    reset_links.forget(tx.db, account)
    reset_links.add(tx.db, account, codes.hashed(code), expires_at)
    tx.record(account_events.ResetLinkMade(account, expires_at), actor)
    return code


def reset_password(tx: Tx, actor: events.Actor, code: str, password_hash: str) -> None:
    """Raises CodeNotFound."""
    account = reset_links.find(tx.db, code, tx.now)
    actor = msgspec.structs.replace(actor, user_id=rules.user_id(account))
    set_password(tx, actor, account, password_hash)
