"""What a user has not read, as parts of queries: counted from the cursor, never stored.

Of a chat it is the range of seq above the cursor, without the user's own messages and those that
were deleted: two ranges of an index, however long the first one is.
"""

from typing import Final

import msgspec


class Unread(msgspec.Struct, frozen=True):
    """Of one chat. ``last_read_message_id`` is None where the user has read nothing yet."""

    chat_id: int
    unread_count: int
    mention_count: int
    last_read_message_id: int | None


# For queries with a table ``mine`` of chats: ``chat``, ``last_seq``, and the user's cursor ``seq``.
CURSOR: Final = """coalesce((SELECT max(seq) FROM read_mark r
        WHERE r.conversation = c.id AND r.user_id = :user_id), 0)"""
COUNTED: Final = """mine.last_seq - mine.seq
        - (SELECT count(*) FROM message o INDEXED BY message_own
            WHERE o.conversation = mine.chat AND o.seq > mine.seq
            AND o.account = CAST(substr(:user_id, 2) AS INTEGER))
        - (SELECT count(*) FROM message d INDEXED BY message_deleted
            WHERE d.conversation = mine.chat AND d.seq > mine.seq AND d.deleted_at IS NOT NULL
            AND d.sender <> :user_id)"""
MENTIONS: Final = """(SELECT count(*) FROM mention n
        JOIN message m ON m.conversation = n.conversation AND m.seq = n.seq
        WHERE n.conversation = mine.chat AND n.user_id = :user_id AND n.seq > mine.seq
        AND m.deleted_at IS NULL AND m.sender <> :user_id)"""
LAST_READ: Final = """(SELECT r.message FROM read_mark r
        WHERE r.conversation = mine.chat AND r.user_id = :user_id AND r.seq = mine.seq)"""
MINE: Final = f"""SELECT c.id AS chat, c.last_seq AS last_seq, {CURSOR} AS seq
        FROM participant p JOIN conversation c ON c.id = p.conversation
        WHERE p.user_id = :user_id AND p.left_offset IS NULL
        AND c.scope = :scope AND c.status = 'open'"""
