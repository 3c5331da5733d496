"""Hashes of passwords, which no event has."""

from chatctl_server.domain import accounts
from chatctl_server.storage.sql import Database, Query

_OF_EMAIL = Query("""SELECT a.id, p.hash FROM account a LEFT JOIN password p ON p.account = a.id
    WHERE a.email_key = :key""")
_OF = Query("SELECT hash FROM password WHERE account = :account")
_SET = Query("INSERT OR REPLACE INTO password (account, hash) VALUES (:account, :hash)")


def of_email(db: Database, email: str) -> tuple[int, str | None]:
    """Account and hash; 0 and None where nobody has that e-mail."""
    return _OF_EMAIL.row(db, key=accounts.email_key(email.strip())) or (0, None)


def of(db: Database, account: int) -> str | None:
    found: str | None = _OF.value(db, account=account)
    return found


def save(db: Database, account: int, password_hash: str) -> None:
    _SET.run(db, account=account, hash=password_hash)
