"""Queries about the canned responses of a workspace."""

from collections.abc import Collection

import msgspec

from chatctl_server import errors
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.workspaces import WorkspaceRef


class CannedResponse(msgspec.Struct, frozen=True):
    """A row of ``canned_response``; times in microseconds."""

    id: int
    title: str
    content: str
    created_by: str | None
    created_at: int


_COLUMNS = "id, title, content, created_by, created_at"
_ALL = Query(f"""SELECT {_COLUMNS} FROM canned_response
    WHERE workspace = :workspace ORDER BY title, id""")
_ONE = Query(f"""SELECT {_COLUMNS} FROM canned_response
    WHERE id = :id AND workspace = :workspace""")
_WORKSPACE = Query("""SELECT w.id, w.scope FROM canned_response c
    JOIN workspace w ON w.id = c.workspace AND w.deleted_at IS NULL
    WHERE c.id = :id AND w.id IN (SELECT value FROM json_each(:workspaces))""")
_COUNT = Query("SELECT count(*) FROM canned_response WHERE workspace = :workspace")


def of_workspace(db: Database, workspace: WorkspaceRef) -> list[CannedResponse]:
    """By their titles."""
    return [CannedResponse(*row) for row in _ALL.rows(db, workspace=workspace.number)]


def find(db: Database, workspaces: Collection[int], number: int) -> WorkspaceRef:
    """Whose it is. Raises CannedResponseNotFound, also for one of another workspace."""
    encoded = msgspec.json.encode(list(workspaces)).decode()
    row = _WORKSPACE.row(db, id=number, workspaces=encoded)
    if row is None:
        raise _not_found(number)
    return WorkspaceRef(*row)


def get(db: Database, workspace: WorkspaceRef, number: int) -> CannedResponse:
    """Raises CannedResponseNotFound."""
    row = _ONE.row(db, id=number, workspace=workspace.number)
    if row is None:
        raise _not_found(number)
    return CannedResponse(*row)


def _not_found(number: int) -> errors.CannedResponseNotFound:
    return errors.CannedResponseNotFound(f"There is no canned response {number}", field="id")


def count(db: Database, workspace: WorkspaceRef) -> int:
    return int(_COUNT.value(db, workspace=workspace.number))
