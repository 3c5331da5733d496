"""Where an account is named, and how that is taken out of tables that the log does not rebuild, and
of those that it does together with the log."""

from typing import NamedTuple

from chatctl_server.domain import accounts
from chatctl_server.domain.references import CLASS_OF, ConversationRef
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.workspaces import WorkspaceRef

SCAN = 200_000  # messages that one query looks at

# A user of the rooms with the same id is somebody else.
_MESSAGES = Query("""SELECT m.id, m.conversation, c.scope, c.kind FROM message m
    JOIN conversation c ON c.id = m.conversation
    WHERE m.id > :after AND m.id <= :until AND m.sender = :user_id AND c.kind <> 'room'
    AND m.nickname <> '' ORDER BY m.id LIMIT :limit""")
_NEWEST = Query("SELECT max(id) FROM message")
_FORGET_NAME = Query("UPDATE message SET nickname = '' WHERE id = :message")
_CHATS = Query("""SELECT count(*) FROM participant p JOIN conversation c ON c.id = p.conversation
    WHERE p.user_id = :user_id AND p.left_offset IS NULL AND c.status = 'open'
    AND c.kind NOT IN ('room', 'support')""")
_WORKSPACES = Query("""SELECT w.id, w.scope, m.role = 'owner' FROM workspace_member m
    JOIN workspace w ON w.id = m.workspace WHERE m.account = :account ORDER BY w.id""")
_HEIR = Query("""SELECT account FROM workspace_member
    WHERE workspace = :workspace AND account <> :account
    ORDER BY role <> 'admin', joined_at, account LIMIT 1""")
_FORGET_INVITES = Query("""UPDATE invite SET email = NULL, email_key = NULL,
        revoked_at = coalesce(revoked_at, :now)
    WHERE email_key = :email_key""")
_FORGET = tuple(
    Query(f"DELETE FROM {table} WHERE account = :account")
    for table in ("login", "password", "reset_link", "last_seen")
)


class NamedMessages(NamedTuple):
    """Messages that name their sender, and the id up to which there is no other; None: there is
    none behind that, either."""

    found: list[tuple[ConversationRef, int]]
    reached: int | None


class WorkspaceStay(NamedTuple):
    ref: WorkspaceRef
    is_owner: int


def messages(db: Database, account: int, after: int, limit: int) -> NamedMessages:
    until, newest = after + SCAN, _NEWEST.value(db) or 0
    user_id = accounts.user_id(account)
    rows = _MESSAGES.rows(db, user_id=user_id, after=after, until=until, limit=limit)
    found = [(CLASS_OF[kind](chat, scope), message) for message, chat, scope, kind in rows]
    if len(found) == limit:
        until = found[-1][1]
    return NamedMessages(found, until if until < newest else None)


def forget_name(db: Database, message_id: int) -> None:
    """Of its sender."""
    _FORGET_NAME.run(db, message=message_id)


def count_chats(db: Database, account: int) -> int:
    return int(_CHATS.value(db, user_id=accounts.user_id(account)))


def memberships(db: Database, account: int) -> list[WorkspaceStay]:
    rows = _WORKSPACES.rows(db, account=account)
    return [
        WorkspaceStay(WorkspaceRef(number, scope), is_owner) for number, scope, is_owner in rows
    ]


def heir(db: Database, ref: WorkspaceRef, account: int) -> int | None:
    """Who owns the workspace when that one has gone: the oldest admin, else whoever has been in it
    longest."""
    found: int | None = _HEIR.value(db, workspace=ref.number, account=account)
    return found


def forget(db: Database, account: int, email: str | None, now: int) -> None:
    """Its sessions, password and links, and invites for its e-mail."""
    for query in _FORGET:
        query.run(db, account=account)
    _FORGET_INVITES.run(db, email_key=accounts.email_key(email), now=now)
