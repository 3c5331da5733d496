"""Queries about the canned responses of a workspace."""

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
_COUNT = Query("SELECT count(*) FROM canned_response WHERE workspace = :workspace")


def of_workspace(db: Database, workspace: WorkspaceRef) -> list[CannedResponse]:
    """By their titles."""
    return [CannedResponse(*row) for row in _ALL.rows(db, workspace=workspace.number)]


def get(db: Database, workspace: WorkspaceRef, number: int) -> CannedResponse:
    """Raises CannedResponseNotFound."""
    row = _ONE.row(db, id=number, workspace=workspace.number)
    if row is None:
        raise errors.CannedResponseNotFound(f"There is no canned response {number}", field="id")
    return CannedResponse(*row)


def count(db: Database, workspace: WorkspaceRef) -> int:
    return int(_COUNT.value(db, workspace=workspace.number))
