"""Queries about accounts."""

import msgspec

from chatctl_server import errors
from chatctl_server.domain import accounts
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query


class Account(msgspec.Struct, frozen=True):
    """A row of ``account``; times in microseconds. ``is_bot`` and ``is_operator`` are 0 or 1;
    ``home`` is the number of a workspace."""

    id: int
    email: str | None
    fullname: str
    avatar: str | None
    status: str
    home: int | None
    is_bot: int
    is_operator: int
    created_at: int
    updated_at: int


COLUMNS = "id, email, fullname, avatar, status, home, is_bot, is_operator, created_at, updated_at"
_GET = Query(f"SELECT {COLUMNS} FROM account WHERE id = :account")
_BY_EMAIL = Query(f"SELECT {COLUMNS} FROM account WHERE email_key = :key")
_ROLES = Query("SELECT workspace, role FROM workspace_member WHERE account = :account")


def get(db: Database, account: int) -> Account:
    """Raises AccountNotFound."""
    row = _GET.row(db, account=account)
    if row is None:
        raise errors.AccountNotFound(f"There is no user {account}", field="user_id")
    return Account(*row)


def by_email(db: Database, email: str) -> Account | None:
    row = _BY_EMAIL.row(db, key=accounts.email_key(email))
    return None if row is None else Account(*row)


def roles(db: Database, account: int) -> dict[int, Role]:
    """By the numbers of the workspaces that the account is in."""
    return dict(_ROLES.rows(db, account=account))
