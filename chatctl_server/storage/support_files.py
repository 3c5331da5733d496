"""Queries about the files that were uploaded to support conversations."""

from typing import NamedTuple

from chatctl_server.domain.references import SupportRef
from chatctl_server.storage.sql import Database, Query


class ConversationUpload(NamedTuple):
    """Where one of the workspace's files may be fetched."""

    ref: SupportRef
    public_id: str
    hash: str
    extension: str


_COLUMNS = """f.conversation, c.scope, c.public_id, f.hash, f.extension FROM support_file f
    JOIN conversation c ON c.id = f.conversation"""
_OF_SENDER = Query(f"SELECT {_COLUMNS} WHERE f.sender = :sender LIMIT :limit")
_SHOWN_ONLY_BY = Query(f"""SELECT {_COLUMNS} JOIN file_use u INDEXED BY file_use_message
        ON u.message = :message AND u.hash = f.hash AND u.extension = f.extension
    WHERE f.conversation = :conversation AND NOT EXISTS (
        SELECT 1 FROM file_use o JOIN message m ON m.id = o.message
        WHERE o.workspace = u.workspace AND o.hash = u.hash AND o.extension = u.extension
        AND o.message <> u.message AND m.conversation = f.conversation)""")


def of_sender(db: Database, sender: str, limit: int) -> list[ConversationUpload]:
    """Those that were theirs first."""
    return [_upload(*row) for row in _OF_SENDER.rows(db, sender=sender, limit=limit)]


def shown_only_by(db: Database, ref: SupportRef, message_id: int) -> list[ConversationUpload]:
    """Of the conversation's messages."""
    rows = _SHOWN_ONLY_BY.rows(db, conversation=ref.id, message=message_id)
    return [_upload(*row) for row in rows]


def _upload(
    conversation: int,
    scope: int,
    public_id: str,
    hash: str,  # noqa: A002  its column
    extension: str,
) -> ConversationUpload:
    return ConversationUpload(SupportRef(conversation, scope), public_id, hash, extension)
