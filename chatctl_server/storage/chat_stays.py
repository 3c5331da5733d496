"""Queries about the chats that whoever leaves a workspace leaves, and that go with it."""

from typing import NamedTuple

from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.workspaces import WorkspaceRef


class ChatStay(NamedTuple):
    """``heir``: of a chat that is the user's own, whose it would be: the oldest admin, else the
    oldest member; None: nobody else is in it."""

    chat: ChatRef
    role: Role
    heir: str | None


_KINDS = "kind IN ('single', 'group', 'private', 'public')"
_OF_USER = Query(f"""SELECT c.id, p.role, CASE WHEN p.role = 'owner' THEN (
        SELECT other.user_id FROM participant other
        WHERE other.conversation = c.id AND other.left_offset IS NULL
        AND other.user_id <> :user_id
        ORDER BY other.role <> 'admin', other.joined_offset,
            CAST(substr(other.user_id, 2) AS INTEGER) LIMIT 1) END
    FROM participant p INDEXED BY participant_user
    CROSS JOIN conversation c ON c.id = p.conversation
    WHERE p.user_id = :user_id AND p.left_offset IS NULL AND c.scope = :scope
    AND c.status = 'open' AND c.{_KINDS} ORDER BY c.id""")
_OPEN = Query(f"""SELECT id FROM conversation
    WHERE scope = :scope AND status = 'open' AND {_KINDS} ORDER BY id LIMIT :limit""")


def of_user(db: Database, workspace: WorkspaceRef, user_id: str) -> list[ChatStay]:
    """Those that go on."""
    scope = workspace.scope
    rows = _OF_USER.rows(db, user_id=user_id, scope=scope)
    return [ChatStay(ChatRef(chat, scope), role, heir) for chat, role, heir in rows]


def open_of(db: Database, workspace: WorkspaceRef, limit: int) -> list[ChatRef]:
    scope = workspace.scope
    return [ChatRef(chat, scope) for (chat,) in _OPEN.rows(db, scope=scope, limit=limit)]
