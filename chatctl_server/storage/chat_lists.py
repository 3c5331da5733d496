"""The lists of chats: those that an account is in, and those that it may join."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from chatctl_server.domain import accounts
from chatctl_server.domain.references import Kind
from chatctl_server.storage import unread
from chatctl_server.storage.sql import Database, Query, Row
from chatctl_server.storage.workspaces import WorkspaceRef


class ListedChat(NamedTuple):
    """Times in microseconds; ``members`` are accounts, in the order in which they came."""

    id: int
    kind: Kind
    name: str
    description: str
    created_by: str
    created_at: int
    updated_at: int
    members: list[int]


class LastMessage(NamedTuple):
    id: int
    content: str
    sender_name: str
    created_at: int
    has_files: int


class MyChat(NamedTuple):
    """``activity`` orders the list: when the newest message came, or else the chat began."""

    chat: ListedChat
    activity: int
    unread: unread.Unread
    last_message: LastMessage | None


_MEMBERS = """(SELECT json_group_array(account) FROM (
            SELECT CAST(substr(p.user_id, 2) AS INTEGER) AS account FROM participant p
            WHERE p.conversation = c.id AND p.left_offset IS NULL
            ORDER BY p.joined_offset, account))"""
_COLUMNS = f"""c.id, c.kind, c.name, h.description, h.created_by, c.created_at, h.updated_at,
        {_MEMBERS}"""
_SHOWN = f"""SELECT {_COLUMNS}, coalesce(c.last_message_at, c.created_at),
        {unread.COUNTED}, {unread.MENTIONS}, {unread.LAST_READ},
        l.id, l.content, l.nickname, l.created_at, l.attachments IS NOT NULL
    FROM mine JOIN conversation c ON c.id = mine.chat JOIN chat h ON h.conversation = c.id
    LEFT JOIN message l ON l.conversation = c.id AND l.seq = (
        SELECT seq FROM message s WHERE s.conversation = c.id AND s.deleted_at IS NULL
        ORDER BY s.seq DESC LIMIT 1)"""
_ALL = Query(f"WITH mine AS MATERIALIZED ({unread.MINE}) {_SHOWN}")
_SOME = Query(f"""WITH mine AS MATERIALIZED ({unread.MINE}
        AND p.conversation IN (SELECT value FROM json_each(:chats))) {_SHOWN}""")
_PUBLIC = Query(f"""SELECT {_COLUMNS} FROM conversation c INDEXED BY conversation_public
    JOIN chat h ON h.conversation = c.id
    WHERE c.scope = :scope AND c.kind = 'public' AND c.status = 'open' AND NOT EXISTS (
        SELECT 1 FROM participant p WHERE p.conversation = c.id AND p.user_id = :user_id
        AND p.left_offset IS NULL)
    ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC""")
_EVERYWHERE = Query(f"""SELECT {_COLUMNS}, s.number FROM conversation c
    JOIN chat h ON h.conversation = c.id
    JOIN scope s ON s.id = c.scope AND s.type = 'workspace'
    WHERE c.status = 'open' AND c.id > :after
    AND (:workspace IS NULL OR s.number = :workspace)
    AND (:text IS NULL OR instr(lower(c.name), lower(:text)))
    AND (:user_id IS NULL OR EXISTS (SELECT 1 FROM participant p WHERE p.conversation = c.id
        AND p.user_id = :user_id AND p.left_offset IS NULL))
    ORDER BY c.id LIMIT :limit""")
_numbers = msgspec.json.Decoder(list[int]).decode


def mine(
    db: Database, workspace: WorkspaceRef, account: int, chats: Collection[int] | None = None
) -> list[MyChat]:
    """Those that the account is in, in no order; of ``chats`` alone, if some are named."""
    user_id, scope = accounts.user_id(account), workspace.scope
    if chats is None:
        rows = _ALL.rows(db, user_id=user_id, scope=scope)
    else:
        encoded = msgspec.json.encode(list(chats)).decode()
        rows = _SOME.rows(db, user_id=user_id, scope=scope, chats=encoded)
    return [_mine(row) for row in rows]


def public(db: Database, workspace: WorkspaceRef, account: int) -> list[ListedChat]:
    """Those that the account may join, and is not in; newest activity first."""
    rows = _PUBLIC.rows(db, user_id=accounts.user_id(account), scope=workspace.scope)
    return [_listed(row) for row in rows]


class ChatFilter(NamedTuple):
    """Of that workspace, with that user in it, with that text in its name; None means any."""

    workspace: int | None
    user_id: str | None
    text: str | None


def everywhere(
    db: Database, wanted: ChatFilter, after: int, limit: int
) -> list[tuple[ListedChat, int]]:
    """For operators: with their workspaces, by their ids, those above that one."""
    rows = _EVERYWHERE.rows(db, after=after, limit=limit, **wanted._asdict())
    return [(_listed(row[:-1]), row[-1]) for row in rows]


def _mine(row: Row) -> MyChat:
    last_message = None if row[12] is None else LastMessage(*row[12:])
    return MyChat(_listed(row[:8]), row[8], unread.Unread(row[0], *row[9:12]), last_message)


def _listed(row: Row) -> ListedChat:
    return ListedChat(*row)._replace(members=_numbers(row[7]))
