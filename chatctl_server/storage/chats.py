"""Queries about chats. The finder here makes their references."""

from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef, Kind
from chatctl_server.storage.sql import Database, Query


class FoundChat(NamedTuple):
    """``role``: of whoever asks for it; None: not a member of it, but of its workspace."""

    ref: ChatRef
    kind: Kind
    workspace: int
    role: Role | None


_FIND = Query("""SELECT c.scope, c.kind, s.number, p.role FROM conversation c
    JOIN scope s ON s.id = c.scope AND s.type = 'workspace'
    JOIN workspace_member m ON m.workspace = s.number AND m.account = :account
    LEFT JOIN participant p ON p.conversation = c.id AND p.user_id = :user_id
        AND p.left_offset IS NULL
    WHERE c.id = :chat AND c.status = 'open'""")


def find(db: Database, account: int, chat: int) -> FoundChat:
    """Raises ConversationNotFound for one that is not there, or is in a workspace that the account
    is not in: nobody can tell the two apart."""
    row = _FIND.row(db, account=account, user_id=f"u{account}", chat=chat)
    if row is None:
        raise errors.ConversationNotFound(f"There is no chat {chat}", field="chat_id")
    scope, kind, workspace, role = row
    return FoundChat(ChatRef(chat, scope), kind, workspace, role)


def find_mine(db: Database, account: int, chat: int) -> FoundChat:
    """One that the account takes part in. Raises ConversationNotFound or NotAParticipant."""
    found = find(db, account, chat)
    if found.role is None:
        raise errors.NotAParticipant("Only members of the chat may do that")
    return found
