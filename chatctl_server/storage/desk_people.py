"""Who works at the desk: accounts, by their roles in workspaces."""

from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query

_ROLES = Query("""SELECT w.id, m.role FROM workspace_member m
    JOIN workspace w ON w.id = m.workspace AND w.deleted_at IS NULL
    JOIN account a ON a.id = m.account AND a.status = 'active'
    WHERE m.account = :account AND m.role IN ('agent', 'admin', 'owner') ORDER BY w.id""")


def roles(db: Database, account: int) -> dict[int, Role]:
    """Of an agent, by the numbers of the workspaces whose desk it sees."""
    return dict(_ROLES.rows(db, account=account))
