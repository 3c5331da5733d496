"""Queries about workspaces. The finder here makes their references."""

from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query


class WorkspaceRef(NamedTuple):
    """A workspace that its caller is in, or may look into: made by finders only."""

    number: int
    scope: int


class Workspace(msgspec.Struct, frozen=True):
    """A row of ``workspace``; times in microseconds. ``is_open`` is 0 or 1."""

    id: int
    scope: int
    name: str
    description: str
    is_open: int
    created_at: int
    updated_at: int

    @property
    def ref(self) -> WorkspaceRef:
        return WorkspaceRef(self.id, self.scope)


class Membership(NamedTuple):
    ref: WorkspaceRef
    role: Role


COLUMNS = "id, scope, name, description, is_open, created_at, updated_at"
_FIND = Query("""SELECT w.scope, m.role FROM workspace w JOIN workspace_member m
        ON m.workspace = w.id AND m.account = :account
    WHERE w.id = :number AND w.deleted_at IS NULL""")
_GET = Query(f"SELECT {COLUMNS} FROM workspace WHERE id = :number AND deleted_at IS NULL")
_BY_NAME = Query(f"SELECT {COLUMNS} FROM workspace WHERE name_key = :key")
_ROLE = Query(
    "SELECT role FROM workspace_member WHERE workspace = :workspace AND account = :account"
)


def find(db: Database, account: int, number: int) -> Membership:
    """Raises WorkspaceNotFound also for one that the account is not in: nobody learns that it is
    there."""
    row = _FIND.row(db, account=account, number=number)
    if row is None:
        raise errors.WorkspaceNotFound(f"There is no workspace {number}", field="workspace")
    return Membership(WorkspaceRef(number, row[0]), row[1])


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
