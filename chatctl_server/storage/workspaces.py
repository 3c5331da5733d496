"""Queries about workspaces. The finder here makes their references."""

from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query

NO_NUMBER = 2**62  # above every one


class WorkspaceRef(NamedTuple):
    """A workspace that its caller is in, or may look into: made by finders only."""

    number: int
    scope: int


class Workspace(msgspec.Struct, frozen=True):
    """A row of ``workspace``; times in microseconds. ``is_open`` is 0 or 1; ``owner``: the account
    that has owned it longest."""

    id: int
    scope: int
    name: str
    description: str
    is_open: int
    created_at: int
    updated_at: int
    owner: int | None

    @property
    def ref(self) -> WorkspaceRef:
        return WorkspaceRef(self.id, self.scope)


class Membership(NamedTuple):
    ref: WorkspaceRef
    role: Role


COLUMNS = """id, scope, name, description, is_open, created_at, updated_at,
    (SELECT account FROM workspace_member WHERE workspace = workspace.id AND role = 'owner'
        ORDER BY joined_at, account LIMIT 1)"""
_FIND = Query("""SELECT w.scope, m.role FROM workspace w JOIN workspace_member m
        ON m.workspace = w.id AND m.account = :account
    WHERE w.id = :number AND w.deleted_at IS NULL""")
_GET = Query(f"SELECT {COLUMNS} FROM workspace WHERE id = :number AND deleted_at IS NULL")
_BY_NAME = Query(f"SELECT {COLUMNS} FROM workspace WHERE name_key = :key")
_OF_ACCOUNT = Query(f"""SELECT {COLUMNS} FROM workspace WHERE deleted_at IS NULL
    AND id IN (SELECT workspace FROM workspace_member WHERE account = :account) ORDER BY id""")
_ALL = Query(f"""SELECT {COLUMNS} FROM workspace WHERE deleted_at IS NULL AND id > :after
    AND (:only IS NULL OR id = :only) ORDER BY id LIMIT :limit""")
_HOME = Query("SELECT home FROM account WHERE id = :account")
_ANYBODY = Query("SELECT 1 FROM workspace_member WHERE workspace = :workspace LIMIT 1")
_OTHER_OWNER = Query("""SELECT 1 FROM workspace_member
    WHERE workspace = :workspace AND role = 'owner' AND account <> :account LIMIT 1""")
_OTHERS = Query("""SELECT count(*) FROM workspace_member
    WHERE workspace = :workspace AND account <> :account""")
_ROLE = Query(
    "SELECT role FROM workspace_member WHERE workspace = :workspace AND account = :account"
)


def find(db: Database, account: int, number: int) -> Membership:
    """Raises WorkspaceNotFound also for one that the account is not in: nobody learns that it is
    there."""
    is_number = 0 <= number < NO_NUMBER
    row = _FIND.row(db, account=account, number=number) if is_number else None
    if row is None:
        raise errors.WorkspaceNotFound(f"There is no workspace {number}", field="workspace")
    return Membership(WorkspaceRef(number, row[0]), row[1])


def asked(db: Database, account: int, number: int | None) -> Membership:
    """The one that is named, or the account's home. Raises WorkspaceNotFound, or NoWorkspace."""
    if number is None:
        number = _HOME.value(db, account=account)
    if number is None:
        raise errors.NoWorkspace("You are in no workspace: make one, or accept an invite")
    return find(db, account, number)


def get(db: Database, number: int) -> Workspace:
    """For operators. Raises WorkspaceNotFound."""
    row = _GET.row(db, number=number)
    if row is None:
        raise errors.WorkspaceNotFound(f"There is no workspace {number}", field="workspace")
    return Workspace(*row)


def by_name(db: Database, name: str) -> Workspace | None:
    row = _BY_NAME.row(db, key=name.casefold())
    return None if row is None else Workspace(*row)


def role(db: Database, ref: WorkspaceRef, account: int) -> Role | None:
    found: Role | None = _ROLE.value(db, workspace=ref.number, account=account)
    return found


def of_account(db: Database, account: int) -> list[Workspace]:
    """Those that it is in, by their ids."""
    return [Workspace(*row) for row in _OF_ACCOUNT.rows(db, account=account)]


def page(db: Database, only: int | None, after: int, limit: int) -> list[Workspace]:
    """For operators: those above a number; ``only``: that one alone."""
    return [Workspace(*row) for row in _ALL.rows(db, only=only, after=after, limit=limit)]


def is_empty(db: Database, ref: WorkspaceRef) -> bool:
    return _ANYBODY.value(db, workspace=ref.number) is None


def has_other_owner(db: Database, ref: WorkspaceRef, account: int) -> bool:
    return _OTHER_OWNER.value(db, workspace=ref.number, account=account) is not None


def count_others(db: Database, ref: WorkspaceRef, account: int) -> int:
    """Members beside that one."""
    return int(_OTHERS.value(db, workspace=ref.number, account=account))
