"""Queries about chats. The finders here make their references."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain import accounts
from chatctl_server.domain.chat_events import ChatSnapshot, Notify
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef, Kind
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.workspaces import WorkspaceRef

NO_ID = 2**62  # above every id
NOTHING = 0  # below every id; looked up like them, so that what is not there takes as long


class FoundChat(NamedTuple):
    """``role``: of whoever asks for it; None: not a member of it, but of its workspace."""

    ref: ChatRef
    kind: Kind
    workspace: int
    role: Role | None


class ListedMember(NamedTuple):
    """``joined_at`` in microseconds."""

    user_id: str
    role: Role
    joined_at: int


class Preferences(NamedTuple):
    """``muted_until`` in microseconds."""

    notify: Notify = "all"
    muted_until: int | None = None


_FIND = Query("""SELECT c.scope, c.kind, s.number, p.role FROM conversation c
    JOIN scope s ON s.id = c.scope AND s.type = 'workspace'
    JOIN workspace_member m ON m.workspace = s.number AND m.account = :account
    LEFT JOIN participant p ON p.conversation = c.id AND p.user_id = :user_id
        AND p.left_offset IS NULL
    WHERE c.id = :chat AND c.status = 'open'""")
_FIND_ANY = Query("""SELECT c.scope, c.kind, s.number FROM conversation c
    JOIN chat h ON h.conversation = c.id
    JOIN scope s ON s.id = c.scope AND s.type = 'workspace'
    WHERE c.id = :chat AND c.status = 'open' AND (:workspace IS NULL OR s.number = :workspace)""")
_GET = Query("""SELECT c.kind, c.name, h.description, h.created_by, c.created_at, h.updated_at,
        (SELECT json_group_array(user_id) FROM (SELECT p.user_id FROM participant p
            WHERE p.conversation = c.id AND p.left_offset IS NULL
            ORDER BY p.joined_offset, CAST(substr(p.user_id, 2) AS INTEGER)))
    FROM conversation c JOIN chat h ON h.conversation = c.id
    WHERE c.id = :chat AND c.scope = :scope AND c.status = 'open'""")
_MEMBERS = Query("""SELECT p.user_id, p.role, e.at FROM participant p
    JOIN event e ON e.id = p.joined_offset
    WHERE p.conversation = :chat AND p.left_offset IS NULL
    ORDER BY p.joined_offset, CAST(substr(p.user_id, 2) AS INTEGER)""")
_OWNER = Query("""SELECT user_id FROM participant
    WHERE conversation = :chat AND role = 'owner' AND left_offset IS NULL""")
# The workspace may have many chats; the two have few.
_SINGLE = Query("""SELECT c.id FROM chat h INDEXED BY chat_pair
    CROSS JOIN conversation c ON c.id = h.conversation
    WHERE h.pair = :pair AND c.scope = :scope AND c.status = 'open' AND 2 = (
        SELECT count(*) FROM participant p WHERE p.conversation = c.id AND p.left_offset IS NULL)
    ORDER BY c.id LIMIT 1""")
_NAMED = Query("""SELECT id FROM conversation
    WHERE scope = :scope AND name = :name AND status = 'open' AND kind <> 'single' LIMIT 1""")
_STRANGERS = Query("""SELECT value FROM json_each(:accounts) WHERE NOT EXISTS (
        SELECT 1 FROM workspace w JOIN workspace_member m ON m.workspace = w.id
        WHERE w.scope = :scope AND m.account = value)
    LIMIT 1""")
_PREFERENCES = Query("""SELECT notify, muted_until FROM chat_preference
    WHERE conversation = :chat AND user_id = :user_id""")
_user_ids = msgspec.json.Decoder(tuple[str, ...]).decode


def find(db: Database, account: int, chat: int) -> FoundChat:
    """Raises ConversationNotFound for one that is not there, or is in a workspace that the account
    is not in: nobody can tell the two apart."""
    is_number = NOTHING <= chat < NO_ID
    row = _FIND.row(db, account=account, user_id=f"u{account}", chat=chat) if is_number else None
    if row is None:
        raise errors.ConversationNotFound(f"There is no chat {chat}", field="chat_id")
    scope, kind, workspace, role = row
    return FoundChat(ChatRef(chat, scope), kind, workspace, role)


def find_any(db: Database, chat: int, workspace: int | None) -> FoundChat:
    """For operators: of that workspace, or of any. Raises ConversationNotFound."""
    is_number = NOTHING <= chat < NO_ID
    row = _FIND_ANY.row(db, chat=chat, workspace=workspace) if is_number else None
    if row is None:
        raise errors.ConversationNotFound(f"There is no chat {chat}", field="chat_id")
    scope, kind, number = row
    return FoundChat(ChatRef(chat, scope), kind, number, None)


def find_mine(db: Database, account: int, chat: int) -> FoundChat:
    """One that the account takes part in. Raises ConversationNotFound or NotAParticipant."""
    found = find(db, account, chat)
    if found.role is None:
        raise errors.NotAParticipant("Only members of the chat may do that")
    return found


def get(db: Database, ref: ChatRef) -> ChatSnapshot:
    """As it is now. Raises ConversationNotFound, also for a closed one."""
    row = _GET.row(db, chat=ref.id, scope=ref.scope)
    if row is None:
        raise errors.ConversationNotFound(f"There is no chat {ref.id}", field="chat_id")
    kind, name, description, created_by, created_at, updated_at, present = row
    return ChatSnapshot(
        kind=kind,
        name=name,
        description=description,
        created_by=created_by,
        created_at=created_at,
        members=_user_ids(present),
        updated_at=updated_at,
    )


def members(db: Database, ref: ChatRef) -> list[ListedMember]:
    """In the order in which they came."""
    return [ListedMember(*row) for row in _MEMBERS.rows(db, chat=ref.id)]


def owner(db: Database, ref: ChatRef) -> int:
    """0 for nobody: only of a chat that was made without the rules of chats."""
    return accounts.account_id(_OWNER.value(db, chat=ref.id) or "")


def single_of(db: Database, workspace: WorkspaceRef, pair: str) -> ChatRef | None:
    """The open chat of two in which both are; ``pair`` as in ``chat_projection``."""
    found = _SINGLE.value(db, pair=pair, scope=workspace.scope)
    return None if found is None else ChatRef(found, workspace.scope)


def named(db: Database, scope: int, name: str) -> int | None:
    """The open chat of that name which is no Single: names of those are their own affair."""
    found: int | None = _NAMED.value(db, scope=scope, name=name)
    return found


def check_known(db: Database, scope: int, people: Sequence[int], field: str) -> None:
    """Raises AccountNotFound for one who is not in the workspace of that scope."""
    encoded = msgspec.json.encode(people).decode()
    stranger = _STRANGERS.value(db, accounts=encoded, scope=scope)
    if stranger is not None:
        raise errors.AccountNotFound(f"There is no user {stranger}", field=field)


def preferences(db: Database, ref: ChatRef, account: int) -> Preferences:
    row = _PREFERENCES.row(db, chat=ref.id, user_id=accounts.user_id(account))
    return Preferences() if row is None else Preferences(*row)
