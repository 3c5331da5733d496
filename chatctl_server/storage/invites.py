"""Queries about invites, and what their actions write: codes, as hashes, which no event has."""

import msgspec

from chatctl_server.domain import accounts
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.workspaces import WorkspaceRef


class Invite(msgspec.Struct, frozen=True):
    """A row of ``invite``, with the reference to its workspace; times in microseconds. ``email``:
    whom alone it is for."""

    id: int
    workspace: int
    scope: int
    role: Role
    email: str | None
    max_uses: int
    uses: int
    created_by: str | None
    created_at: int
    expires_at: int

    @property
    def ref(self) -> WorkspaceRef:
        return WorkspaceRef(self.workspace, self.scope)


_OPEN = """SELECT i.id, i.workspace, w.scope, i.role, i.email, i.max_uses, i.uses, i.created_by,
        i.created_at, i.expires_at
    FROM invite i JOIN workspace w ON w.id = i.workspace AND w.deleted_at IS NULL
    WHERE i.revoked_at IS NULL AND i.uses < i.max_uses AND i.expires_at > :now"""
_BY_CODE = Query(f"{_OPEN} AND i.code = :code")
_OF_WORKSPACE = Query(f"{_OPEN} AND i.workspace = :workspace ORDER BY i.id")
_ADD = Query("""INSERT INTO invite (id, code, workspace, role, email, email_key, max_uses, uses,
        created_by, created_at, expires_at)
    VALUES (:invite, :code, :workspace, :role, :email, :email_key, :max_uses, 0,
        :created_by, :now, :expires_at)""")
_USE = Query("UPDATE invite SET uses = uses + 1 WHERE id = :invite")
_REVOKE = Query("UPDATE invite SET revoked_at = :now WHERE id = :invite")


def by_code(db: Database, code: bytes, now: int) -> Invite | None:
    """Of the code with that hash; None for one that does not count any more, too."""
    row = _BY_CODE.row(db, code=code, now=now)
    return None if row is None else Invite(*row)


def open_of(db: Database, ref: WorkspaceRef, now: int) -> list[Invite]:
    """Those that still count, in the order in which they were made."""
    return [Invite(*row) for row in _OF_WORKSPACE.rows(db, workspace=ref.number, now=now)]


def add(db: Database, invite: Invite, code: bytes) -> None:
    _ADD.run(
        db,
        invite=invite.id,
        code=code,
        workspace=invite.workspace,
        role=invite.role,
        email=invite.email,
        email_key=accounts.email_key(invite.email),
        max_uses=invite.max_uses,
        created_by=invite.created_by,
        now=invite.created_at,
        expires_at=invite.expires_at,
    )


def count_use(db: Database, invite: Invite) -> None:
    _USE.run(db, invite=invite.id)


def revoke(db: Database, invite: Invite, now: int) -> None:
    _REVOKE.run(db, invite=invite.id, now=now)
