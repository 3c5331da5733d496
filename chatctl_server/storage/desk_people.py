"""Who works at the desk: accounts, by their roles in workspaces."""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import accounts
from chatctl_server.domain.event_types import Role
from chatctl_server.storage.sql import Database, Query

_ROLES = Query("""SELECT w.id, m.role FROM workspace_member m
    JOIN workspace w ON w.id = m.workspace AND w.deleted_at IS NULL
    JOIN account a ON a.id = m.account AND a.status = 'active'
    WHERE m.account = :account AND m.role IN ('agent', 'admin', 'owner') ORDER BY w.id""")
_ROLE = Query("""SELECT m.role FROM workspace_member m
    JOIN account a ON a.id = m.account AND a.status = 'active'
    WHERE m.workspace = :workspace AND m.account = :account
    AND m.role IN ('agent', 'admin', 'owner')""")
_AMONG = Query("""SELECT m.account FROM workspace_member m
    JOIN account a ON a.id = m.account AND a.status = 'active'
    WHERE m.workspace = :workspace AND m.role IN ('agent', 'admin', 'owner')
    AND m.account IN (SELECT value FROM json_each(:accounts))""")


def role(db: Database, workspace: int, account: int) -> Role | None:
    """At the desk of that workspace, by its number; None for who is no agent there."""
    found: Role | None = _ROLE.value(db, workspace=workspace, account=account)
    return found


def roles(db: Database, account: int) -> dict[int, Role]:
    """Of an agent, by the numbers of the workspaces whose desk it sees."""
    return dict(_ROLES.rows(db, account=account))


def among(db: Database, workspace: int, user_ids: Sequence[str]) -> list[str]:
    """Those of them who are agents of that workspace."""
    numbers = {accounts.account_id(each): each for each in user_ids}
    encoded = msgspec.json.encode(list(numbers)).decode()
    rows = _AMONG.rows(db, workspace=workspace, accounts=encoded)
    found = {account for (account,) in rows}
    return [each for number, each in numbers.items() if number in found]
