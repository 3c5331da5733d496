"""Links to set a password: their codes, as hashes, which no event has."""

from chatctl_server import errors
from chatctl_server.domain import codes
from chatctl_server.storage.sql import Database, Query

_FIND = Query("SELECT account FROM reset_link WHERE code = :code AND expires_at > :now")
_ADD = Query("""INSERT INTO reset_link (code, account, expires_at)
    VALUES (:code, :account, :expires_at)""")
_FORGET = Query("DELETE FROM reset_link WHERE account = :account")


def find(db: Database, code: str, now: int) -> int:
    """Whose it is. Raises CodeNotFound."""
    account: int | None = _FIND.value(db, code=codes.hashed(code), now=now)
    if account is None:
        raise errors.CodeNotFound(
            "The link is unknown, was used, or is over: ask for another", field="code"
        )
    return account


def add(db: Database, account: int, code: bytes, expires_at: int) -> None:
    _ADD.run(db, code=code, account=account, expires_at=expires_at)


def forget(db: Database, account: int) -> None:
    _FORGET.run(db, account=account)
