"""Queries about accounts."""

from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain import accounts
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.workspaces import WorkspaceRef


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


class AccountFilter(NamedTuple):
    """Whose name or e-mail has ``text`` in it, in that workspace; None means anything. Erased ones
    are wanted by their status alone."""

    workspace: int | None = None
    text: str | None = None
    status: str | None = None


class Profile(NamedTuple):
    """An account as one workspace knows it, its home unless another was asked. ``role`` and
    ``joined_at`` are None for who is not in it; ``last_seen``: when its last stream ended."""

    account: Account
    workspace: int | None
    role: Role | None
    joined_at: int | None
    last_seen: int | None


COLUMNS = "id, email, fullname, avatar, status, home, is_bot, is_operator, created_at, updated_at"
_PROFILE = f"""SELECT {", ".join(f"a.{name}" for name in COLUMNS.split(", "))},
    m.role, m.joined_at, l.at"""
_ONE_PROFILE = Query(f"""{_PROFILE} FROM account a
    LEFT JOIN workspace_member m ON m.account = a.id AND m.workspace = :workspace
    LEFT JOIN last_seen l ON l.account = a.id
    WHERE a.id = :account""")
_PROFILES = Query(f"""{_PROFILE} FROM workspace_member m JOIN account a ON a.id = m.account
    LEFT JOIN last_seen l ON l.account = a.id
    WHERE m.workspace = :workspace ORDER BY a.id""")
_FOUND = Query(f"""{_PROFILE}, coalesce(:workspace, a.home) FROM account a
    LEFT JOIN workspace_member m ON m.account = a.id
        AND m.workspace = coalesce(:workspace, a.home)
    LEFT JOIN last_seen l ON l.account = a.id
    WHERE a.id > :after AND (:workspace IS NULL OR m.account IS NOT NULL)
    AND CASE WHEN :status IS NULL THEN a.status <> 'erased' ELSE a.status = :status END
    AND (:text IS NULL OR instr(lower(a.fullname), lower(:text))
        OR instr(lower(coalesce(a.email, '')), lower(:text)))
    ORDER BY a.id LIMIT :limit""")
_SUSPENDED = Query("SELECT id FROM account WHERE status <> 'active'")
_GET = Query(f"SELECT {COLUMNS} FROM account WHERE id = :account")
_BY_EMAIL = Query(f"SELECT {COLUMNS} FROM account WHERE email_key = :key")


def get(db: Database, account: int) -> Account:
    """Raises AccountNotFound."""
    row = _GET.row(db, account=account)
    if row is None:
        raise errors.AccountNotFound(f"There is no user {account}", field="user_id")
    return Account(*row)


def by_email(db: Database, email: str) -> Account | None:
    row = _BY_EMAIL.row(db, key=accounts.email_key(email))
    return None if row is None else Account(*row)


def profile(db: Database, account: int, workspace: int | None) -> Profile:
    """Raises AccountNotFound."""
    row = _ONE_PROFILE.row(db, account=account, workspace=workspace)
    if row is None:
        raise errors.AccountNotFound(f"There is no user {account}", field="user_id")
    return Profile(Account(*row[:-3]), workspace, *row[-3:])


def profiles(db: Database, workspace: WorkspaceRef) -> list[Profile]:
    """Of its members, by their ids."""
    number = workspace.number
    rows = _PROFILES.rows(db, workspace=number)
    return [Profile(Account(*row[:-3]), number, *row[-3:]) for row in rows]


def find(db: Database, wanted: AccountFilter, after: int, limit: int) -> list[Profile]:
    """Of any workspace, by their ids: those above that one."""
    rows = _FOUND.rows(db, after=after, limit=limit, **wanted._asdict())
    return [Profile(Account(*row[:-4]), row[-1], *row[-4:-1]) for row in rows]


def suspended(db: Database) -> list[int]:
    """Nobody can be signed in as these; also those that were erased."""
    return [account for (account,) in _SUSPENDED.rows(db)]
