"""Canned responses of a workspace's agents."""

from chatctl_server import errors
from chatctl_server.domain import events, support_events, text
from chatctl_server.storage import canned_responses
from chatctl_server.storage.canned_responses import CannedResponse
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef

MAX_TITLE_CHARACTERS = 100
MAX_CONTENT_BYTES = 4096
MAX_OF_WORKSPACE = 1000


def add(
    tx: Tx, actor: events.Actor, workspace: WorkspaceRef, title: str, content: str
) -> CannedResponse:
    """Raises InvalidInput, BadText, TooLarge, or Conflict above 1,000."""
    title = text.check_title(title, "title", MAX_TITLE_CHARACTERS)
    if not content.strip():
        raise errors.InvalidInput("content is empty", field="content")
    text.check(content, "content", max_bytes=MAX_CONTENT_BYTES)
    if canned_responses.count(tx.db, workspace) >= MAX_OF_WORKSPACE:
        raise errors.Conflict(f"A workspace has at most {MAX_OF_WORKSPACE} canned responses")
    number = tx.take("canned_response")
    payload = support_events.CannedResponseAdded(number, workspace.number, title, content)
    tx.record(payload, actor, scope=workspace.scope)
    return canned_responses.get(tx.db, workspace, number)


def remove(tx: Tx, actor: events.Actor, workspace: WorkspaceRef, number: int) -> None:
    """Raises CannedResponseNotFound."""
    canned_responses.get(tx.db, workspace, number)
    tx.record(support_events.CannedResponseRemoved(number), actor, scope=workspace.scope)
