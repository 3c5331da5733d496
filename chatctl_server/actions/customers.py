"""Customers of a site, and the tokens that show who a visitor is (contract support, 1)."""

import hmac
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.actions import account_erasures, conversations, support_files, workspaces
from chatctl_server.domain import accounts, codes, events, support, support_events, text
from chatctl_server.domain.support import VISITOR_TOKEN_MICROSECONDS
from chatctl_server.storage import customers, log, sites, support_conversations
from chatctl_server.storage import workspaces as stored_workspaces
from chatctl_server.storage.customers import Customer, MessagePlace
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.transaction import Tx

MAX_NAME_CHARACTERS = 128
A_STEP = 200  # messages that one call erases, or conversations that it closes
START = MessagePlace()


class VisitorIdentity(NamedTuple):
    """What a visitor says: ``user_id`` is the host product's, which ``identity_hash`` shows."""

    name: str | None = None
    email: str | None = None
    user_id: str | None = None
    identity_hash: str | None = None


class WelcomedVisitor(NamedTuple):
    customer: Customer
    token: str


def welcome(
    tx: Tx, actor: events.Actor, site: SiteRef, identity: VisitorIdentity
) -> WelcomedVisitor:
    """A token for a new customer, or for the verified one that is known already. Raises
    Unauthorized for a ``user_id`` that is not shown to be theirs, Banned, InvalidInput or
    BadText."""
    name, email = check_name(identity.name), check_email(identity.email)
    external_id = _external_id(tx, site, identity)
    known = None if external_id is None else customers.verified(tx.db, site, external_id)
    if known is None:
        customer_id = _create(tx, actor, site, name or "", email, external_id)
    else:
        customer_id = known.id
        if sites.is_blocked(tx.db, site, known.id, tx.now):
            raise errors.Banned("You are blocked on this site", field="user_id")
        _change(tx, actor, known, known.name if name is None else name, email or known.email)
    token = codes.new()
    expires_at = tx.now + VISITOR_TOKEN_MICROSECONDS
    customers.add_token(tx.db, customer_id, codes.hashed(token), expires_at)
    return WelcomedVisitor(customers.get(tx.db, site, customer_id), token)


def create(tx: Tx, actor: events.Actor, site: SiteRef, name: str | None = None) -> str:
    """The id of one whom an agent writes to. Raises InvalidInput or BadText."""
    return _create(tx, actor, site, check_name(name, "customer_name") or "", None, None)


def _create(
    tx: Tx,
    actor: events.Actor,
    site: SiteRef,
    name: str,
    email: str | None,
    external_id: str | None,
) -> str:
    customer_id = support.new_id("cus")
    payload = support_events.CustomerCreated(customer_id, name, email, external_id)
    tx.record(payload, actor, scope=site.scope)
    return customer_id


def _change(tx: Tx, actor: events.Actor, known: Customer, name: str, email: str | None) -> None:
    if (name, email) != (known.name, known.email):
        payload = support_events.CustomerChanged(known.id, name, email)
        tx.record(payload, actor, scope=known.scope)


def _external_id(tx: Tx, site: SiteRef, identity: VisitorIdentity) -> str | None:
    """Of a verified one. Source: hex HMAC-SHA-256 of the id under the site's secret."""
    user_id = identity.user_id
    if user_id is None:
        return None
    text.check_name(user_id, "user_id")
    secret = sites.secret(tx.db, site)
    right = hmac.new(secret.encode(), user_id.encode(), "sha256").hexdigest()
    given = (identity.identity_hash or "").encode("utf-8", "replace")
    if not hmac.compare_digest(right.encode(), given.lower()):
        raise errors.Unauthorized(
            "identity_hash must be the hex HMAC-SHA-256 of user_id under the site's secret",
            field="identity_hash",
        )
    return user_id


def check_name(name: str | None, field: str = "name") -> str | None:
    """Trimmed; None for none. Raises InvalidInput or BadText."""
    if name is None or not name.strip():
        return None
    return text.check_line(name, field, MAX_NAME_CHARACTERS)


def check_email(email: str | None) -> str | None:
    """Raises InvalidInput or BadText."""
    return accounts.check_email(email) if email is not None and email.strip() else None


def extend(tx: Tx, hash: bytes) -> None:  # noqa: A002  its column
    """A token that is shown is good for another 90 days."""
    customers.extend_token(tx.db, hash, tx.now + VISITOR_TOKEN_MICROSECONDS)


def forget_tokens(tx: Tx) -> int:
    """Of those that are over; how many, 500 at most."""
    return customers.forget_expired_tokens(tx.db, tx.now)


def erase_some(
    tx: Tx, actor: events.Actor, site: SiteRef, customer_id: str, after: MessagePlace
) -> MessagePlace | None:
    """A step of an erasure: 200 of their conversations are closed, or 200 of their messages behind
    a place are erased, with the names. Where it goes on; None: behind the last. Raises NotAllowed
    or CustomerNotFound."""
    _check_may_erase(tx, actor, site, customer_id)
    unclosed = support_conversations.unclosed_of_customer(tx.db, customer_id, A_STEP)
    for ref in unclosed:
        conversations.close(tx, actor, ref)
    if unclosed:
        return after
    found, reached = customers.written(tx.db, customer_id, after, A_STEP)
    account_erasures.erase_messages(tx, actor, found)
    return reached


def erase(tx: Tx, actor: events.Actor, site: SiteRef, customer_id: str) -> None:
    """Behind the steps, and what has come since. Raises NotAllowed or CustomerNotFound."""
    _check_may_erase(tx, actor, site, customer_id)
    left: MessagePlace | None = START
    while left is not None:
        left = erase_some(tx, actor, site, customer_id, left)
    if sites.is_blocked(tx.db, site, customer_id, tx.now):
        tx.record(events.BanLifted(customer_id), actor, scope=site.scope)
    while support_files.remove_some(tx, actor, customer_id):
        pass
    customers.forget_tokens(tx.db, customer_id)
    customers.forget_comments(tx.db, customer_id)
    log.redact_customer(tx.db, customer_id)
    tx.record(support_events.CustomerErased(customer_id), actor, scope=site.scope)


def _check_may_erase(tx: Tx, actor: events.Actor, site: SiteRef, customer_id: str) -> None:
    """An operator may also when the site's workspace was deleted."""
    customers.get(tx.db, site, customer_id)
    if not actor.is_account:
        return
    place = stored_workspaces.get(tx.db, site.workspace).ref
    workspaces.check_role(tx.db, actor, place, "owner", "admin")
