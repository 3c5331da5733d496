"""Queries about customers of a site, and about their visitors' tokens, of which hashes are kept."""

from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain import support
from chatctl_server.domain.references import SupportRef
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.sql import Database, Query


class Customer(msgspec.Struct, frozen=True):
    """A row of ``customer``; times in microseconds. ``external_id``: the host product's id of a
    verified one."""

    id: str
    scope: int
    name: str
    email: str | None
    external_id: str | None
    created_at: int
    erased_at: int | None

    @property
    def is_verified(self) -> bool:
        return self.external_id is not None


_COLUMNS = "id, scope, name, email, external_id, created_at, erased_at"
_GET = Query(f"""SELECT {_COLUMNS} FROM customer
    WHERE id = :customer AND scope = :scope AND erased_at IS NULL""")
_BY_EXTERNAL_ID = Query(f"""SELECT {_COLUMNS} FROM customer
    WHERE scope = :scope AND external_id = :external_id""")
_SITE = Query("""SELECT s.id, s.scope, s.workspace FROM customer k JOIN site s ON s.scope = k.scope
    WHERE k.id = :customer AND k.erased_at IS NULL""")
_ADD_TOKEN = Query("""INSERT INTO visitor_token (hash, customer, expires_at)
    VALUES (:hash, :customer, :expires_at)""")
_OF_TOKEN = Query(f"""SELECT t.expires_at, {", ".join(f"c.{each}" for each in _COLUMNS.split(", "))}
    FROM visitor_token t JOIN customer c ON c.id = t.customer
    WHERE t.hash = :hash AND t.expires_at > :now AND c.erased_at IS NULL""")
_EXTEND = Query("UPDATE visitor_token SET expires_at = :expires_at WHERE hash = :hash")
_FORGET = Query("DELETE FROM visitor_token WHERE customer = :customer")
_FORGET_EXPIRED = Query("""DELETE FROM visitor_token WHERE hash IN (
        SELECT hash FROM visitor_token WHERE expires_at <= :now LIMIT 500)
    RETURNING hash""")
_CONVERSATIONS = Query("""SELECT s.conversation, c.scope FROM support s
    JOIN conversation c ON c.id = s.conversation
    WHERE s.customer = :customer AND s.conversation >= :first ORDER BY s.conversation""")
# Under SUPPORT_ACCESS=open their messages may be of another sender.
_WRITTEN = Query("""SELECT id, seq FROM message
    WHERE conversation = :conversation AND seq > :after
    AND (sender = :customer OR sender_kind = 'visitor') AND (nickname <> '' OR erased_at IS NULL)
    ORDER BY seq LIMIT :limit""")
_FORGET_COMMENTS = Query("""UPDATE rating SET comment = '' WHERE conversation IN (
    SELECT conversation FROM support WHERE customer = :customer)""")


class ShownToken(msgspec.Struct, frozen=True):
    customer: Customer
    expires_at: int


class MessagePlace(NamedTuple):
    """Behind a message of a customer's conversations, in the order of these."""

    conversation: int = 0
    seq: int = 0


class WrittenMessages(NamedTuple):
    """``reached``: where it goes on; None: there is none behind them."""

    found: list[tuple[SupportRef, int]]
    reached: MessagePlace | None


def get(db: Database, site: SiteRef, customer_id: str) -> Customer:
    """Raises CustomerNotFound, also for one of another site."""
    row = _GET.row(db, customer=customer_id, scope=site.scope)
    if row is None:
        raise not_found(customer_id)
    return Customer(*row)


def not_found(customer_id: str) -> errors.CustomerNotFound:
    return errors.CustomerNotFound(f"There is no customer {customer_id[:40]}", field="customer_id")


def is_erased(db: Database, customer_id: str | None) -> bool:
    return _SITE.row(db, customer=customer_id) is None


def site_of(db: Database, customer_id: str) -> SiteRef:
    """Also one that was deleted. Raises CustomerNotFound."""
    row = _SITE.row(db, customer=customer_id) if support.is_customer(customer_id) else None
    if row is None:
        raise not_found(customer_id)
    return SiteRef(*row)


def verified(db: Database, site: SiteRef, external_id: str) -> Customer | None:
    row = _BY_EXTERNAL_ID.row(db, scope=site.scope, external_id=external_id)
    return None if row is None else Customer(*row)


def add_token(db: Database, customer_id: str, hash: bytes, expires_at: int) -> None:  # noqa: A002
    _ADD_TOKEN.run(db, hash=hash, customer=customer_id, expires_at=expires_at)


def of_token(db: Database, hash: bytes, now: int) -> ShownToken | None:  # noqa: A002  its column
    row = _OF_TOKEN.row(db, hash=hash, now=now)
    return None if row is None else ShownToken(Customer(*row[1:]), row[0])


def extend_token(db: Database, hash: bytes, expires_at: int) -> None:  # noqa: A002  its column
    _EXTEND.run(db, hash=hash, expires_at=expires_at)


def forget_tokens(db: Database, customer_id: str) -> None:
    _FORGET.run(db, customer=customer_id)


def forget_expired_tokens(db: Database, now: int) -> int:
    """How many there were; 500 at most."""
    return len(_FORGET_EXPIRED.rows(db, now=now))


def written(db: Database, customer_id: str, after: MessagePlace, limit: int) -> WrittenMessages:
    """What they wrote behind a place and is not erased, or names them."""
    found: list[tuple[SupportRef, int]] = []
    for conversation, scope in _CONVERSATIONS.rows(
        db, customer=customer_id, first=after.conversation
    ):
        rows = _WRITTEN.rows(
            db,
            conversation=conversation,
            after=after.seq if conversation == after.conversation else 0,
            customer=customer_id,
            limit=limit - len(found),
        )
        found += [(SupportRef(conversation, scope), id_) for id_, _ in rows]
        if len(found) == limit:
            return WrittenMessages(found, MessagePlace(conversation, rows[-1][1]))
    return WrittenMessages(found, None)


def forget_comments(db: Database, customer_id: str) -> None:
    """What they said with their ratings."""
    _FORGET_COMMENTS.run(db, customer=customer_id)
