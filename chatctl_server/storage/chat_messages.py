"""Queries about the messages of chats: with what was said of them, and who may see them."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.chat_events import Reactions
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import chats, conversations
from chatctl_server.storage.messages import COLUMNS, Message
from chatctl_server.storage.sql import Database, Query, Row


class MessageState(msgspec.Struct, frozen=True):
    """A message with what is not in its row. ``reply_count``: without deleted ones."""

    message: Message
    reply_count: int
    reactions: tuple[Reactions, ...]
    is_pinned: bool

    @property
    def mentions(self) -> tuple[int, ...]:
        stored = self.message.mentions
        return msgspec.json.decode(stored, type=tuple[int, ...]) if stored else ()

    @property
    def files(self) -> tuple[str, ...]:
        stored = self.message.attachments
        return msgspec.json.decode(stored, type=tuple[str, ...]) if stored else ()


class Edit(NamedTuple):
    """A text that the message had, and since when."""

    content: str
    edited_at: int


class ReadReceipt(NamedTuple):
    user_id: str
    read_at: int


_STATE = f"""{COLUMNS},
    (SELECT count(*) FROM message r WHERE r.reply_to = message.id AND r.deleted_at IS NULL),
    EXISTS (SELECT 1 FROM pin p
        WHERE p.conversation = message.conversation AND p.message = message.id),
    (SELECT json_group_array(json_array(emoji, json(user_ids), count)) FROM (
        SELECT emoji, count(*) AS count, (SELECT json_group_array(user_id) FROM (
            SELECT user_id FROM reaction y WHERE y.message = x.message AND y.emoji = x.emoji
            ORDER BY y.event_offset LIMIT 100)) AS user_ids
        FROM reaction x WHERE x.message = message.id
        GROUP BY emoji ORDER BY min(x.event_offset)))"""
SCAN = 100_000  # messages that one query looks at
_NEWEST = Query("SELECT max(id) FROM message")
_OF_CHAT = Query("SELECT conversation FROM message WHERE id = :message")
# The + keeps it from looking at each chat's messages, however old they are.
_EVERYWHERE = Query(f"""SELECT {_STATE} FROM message
    WHERE id < :before AND id >= :since AND deleted_at IS NULL
    AND (:text IS NULL OR instr(lower(content), lower(:text)))
    AND (:user_id IS NULL OR sender = :user_id)
    AND +conversation IN (SELECT c.id FROM conversation c JOIN chat h ON h.conversation = c.id
        JOIN scope s ON s.id = c.scope
        WHERE c.status = 'open' AND (:workspace IS NULL OR s.number = :workspace))
    ORDER BY id DESC LIMIT :limit""")
_CHAT_OF = Query("SELECT conversation FROM message WHERE id = :message AND deleted_at IS NULL")
_ONE = Query(f"""SELECT {_STATE} FROM message
    WHERE id = :message AND conversation = :conversation""")
_BEFORE = Query(f"""SELECT {_STATE} FROM message
    WHERE conversation = :conversation AND seq < :seq AND deleted_at IS NULL
    ORDER BY seq DESC LIMIT :limit""")
_AFTER = Query(f"""SELECT {_STATE} FROM message
    WHERE conversation = :conversation AND seq >= :seq AND deleted_at IS NULL
    ORDER BY seq LIMIT :limit""")
_REPLIES = Query(f"""SELECT {_STATE} FROM message
    WHERE reply_to = :message AND seq > :seq AND deleted_at IS NULL ORDER BY seq LIMIT :limit""")
_PINNED = Query(f"""SELECT {_STATE} FROM message JOIN (
        SELECT message AS pinned, pinned_at FROM pin WHERE conversation = :conversation)
    ON pinned = message.id WHERE deleted_at IS NULL ORDER BY pinned_at DESC, id DESC""")
_REACTED = Query("""SELECT 1 FROM reaction
    WHERE message = :message AND emoji = :emoji AND user_id = :user_id""")
_COUNT_PINNED = Query("""SELECT count(*) FROM pin JOIN message ON message.id = pin.message
    WHERE pin.conversation = :conversation AND message.deleted_at IS NULL""")
_EDITS = Query("""SELECT content, edited_at FROM message_edit
    WHERE message = :message AND conversation = :conversation ORDER BY event_offset
    LIMIT :limit OFFSET :offset""")
_ID = Query("SELECT id FROM message WHERE conversation = :conversation AND seq = :seq")
# Each participant's first move of the cursor that went past the message.
_RECEIPTS = Query("""SELECT user_id, read_at FROM (
        SELECT p.user_id, (SELECT r.read_at FROM read_mark r
            WHERE r.conversation = p.conversation AND r.user_id = p.user_id AND r.seq >= m.seq
            ORDER BY r.seq LIMIT 1) AS read_at
        FROM message m JOIN participant p ON p.conversation = m.conversation
            AND p.left_offset IS NULL AND p.user_id <> m.sender
        WHERE m.id = :message AND m.conversation = :conversation)
    WHERE read_at IS NOT NULL ORDER BY read_at, user_id""")
_LAST_READ = Query("""SELECT max(seq) FROM read_mark
    WHERE conversation = :conversation AND user_id = :user_id""")


def find(db: Database, account: int, message_id: int) -> ChatRef:
    """The chat of a message that the account may see. Raises MessageNotFound for one that is
    deleted, not there, or out of the account's workspaces: nobody can tell them apart; and
    NotAParticipant."""
    is_number = 0 < message_id < chats.NO_ID
    chat = _CHAT_OF.value(db, message=message_id) if is_number else None
    try:
        return chats.find_mine(db, account, chat or chats.NOTHING).ref
    except errors.ConversationNotFound:
        raise not_found(message_id) from None


def find_any(db: Database, message_id: int, workspace: int | None) -> ChatRef:
    """For operators: the chat of a message, also of a deleted one. Raises MessageNotFound."""
    is_number = 0 < message_id < chats.NO_ID
    chat = _OF_CHAT.value(db, message=message_id) if is_number else None
    try:
        return chats.find_any(db, chat or chats.NOTHING, workspace).ref
    except errors.ConversationNotFound:
        raise not_found(message_id) from None


class ChatMessageFilter(NamedTuple):
    """Of that workspace, from that user, with that text in it; None means any."""

    workspace: int | None
    user_id: str | None
    text: str | None


def newest(
    db: Database, wanted: ChatMessageFilter, before_id: int, limit: int
) -> tuple[list[MessageState], int | None]:
    """For operators: of all open chats, newest first; and where to go on, None where there are no
    older ones. Looks at 100,000 messages."""
    since = max(0, min(before_id, (_NEWEST.value(db) or 0) + 1) - SCAN)
    rows = _EVERYWHERE.rows(db, before=before_id, since=since, limit=limit, **wanted._asdict())
    found = _states(rows)
    if len(found) == limit:
        return found, found[-1].message.id
    return found, since or None


def not_found(message_id: int) -> errors.MessageNotFound:
    return errors.MessageNotFound(f"There is no message {message_id}", field="message_id")


def get(db: Database, ref: ChatRef, message_id: int) -> MessageState:
    """Also a deleted one. Raises MessageNotFound."""
    is_number = 0 < message_id < chats.NO_ID
    row = _ONE.row(db, message=message_id, conversation=ref.id) if is_number else None
    if row is None:
        raise not_found(message_id)
    return _state(row)


def before(db: Database, ref: ChatRef, message_id: int, limit: int) -> list[MessageState]:
    """Newest first: those before that one, which need not be there."""
    seq = _seq_of(db, ref, message_id)
    return _states(_BEFORE.rows(db, conversation=ref.id, seq=seq, limit=limit))


def after(db: Database, ref: ChatRef, message_id: int, limit: int) -> list[MessageState]:
    """Oldest first."""
    seq = _seq_of(db, ref, message_id + 1)
    return _states(_AFTER.rows(db, conversation=ref.id, seq=seq, limit=limit))


def _seq_of(db: Database, ref: ChatRef, message_id: int) -> int:
    """The first seq with that id or a higher one. Ids grow with seq, so this is a bisection."""
    low, high = 1, conversations.get(db, ref).last_seq + 1
    if message_id >= chats.NO_ID:
        return high
    while low < high:
        middle = (low + high) // 2
        if _ID.value(db, conversation=ref.id, seq=middle) < message_id:
            low = middle + 1
        else:
            high = middle
    return low


def replies(
    db: Database, ref: ChatRef, message_id: int, after_id: int, limit: int
) -> list[MessageState]:
    """Oldest first; also of a deleted message."""
    seq = _seq_of(db, ref, after_id + 1) - 1
    return _states(_REPLIES.rows(db, message=message_id, seq=seq, limit=limit))


def pinned(db: Database, ref: ChatRef) -> list[MessageState]:
    """What was pinned last comes first."""
    return _states(_PINNED.rows(db, conversation=ref.id))


def has_reacted(db: Database, message_id: int, emoji: str, user_id: str) -> bool:
    found = _REACTED.value(db, message=message_id, emoji=emoji, user_id=user_id)
    return found is not None


def count_pinned(db: Database, ref: ChatRef) -> int:
    return int(_COUNT_PINNED.value(db, conversation=ref.id))


def edits(db: Database, ref: ChatRef, message_id: int, offset: int, limit: int) -> list[Edit]:
    """Oldest first, without the text that it has now and the oldest ``offset``."""
    asked = {"message": message_id, "conversation": ref.id, "offset": offset, "limit": limit}
    return [Edit(*row) for row in _EDITS.rows(db, **asked)]


def receipts(db: Database, ref: ChatRef, message_id: int) -> list[ReadReceipt]:
    """Of the chat's members but for its sender, in the order in which they have read it."""
    return [
        ReadReceipt(*row) for row in _RECEIPTS.rows(db, message=message_id, conversation=ref.id)
    ]


def last_read(db: Database, ref: ChatRef, user_id: str) -> int:
    """The seq of the last message that the user has read; 0 for none."""
    return _LAST_READ.value(db, conversation=ref.id, user_id=user_id) or 0


def _states(rows: Iterable[Row]) -> list[MessageState]:
    return [_state(row) for row in rows]


def _state(row: Row) -> MessageState:
    *columns, reply_count, is_pinned, reacted = row
    return MessageState(Message(*columns), reply_count, _reactions(reacted), bool(is_pinned))


def _reactions(reacted: str) -> tuple[Reactions, ...]:
    """By emoji, each where it was used first."""
    if reacted == "[]":
        return ()
    found = msgspec.json.decode(reacted, type=list[tuple[str, tuple[str, ...], int]])
    return tuple(Reactions(*each) for each in found)
