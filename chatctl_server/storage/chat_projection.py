"""What the events do to the tables that only chats have."""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import chat_events, events
from chatctl_server.storage.sql import Bulk, Database, Query, Value

_ADD_CHAT = Query("""INSERT INTO chat (conversation, description, created_by, updated_at, pair)
    VALUES (:conversation, :description, :created_by, :at, :pair)""")
_ADD_MEMBERS = Bulk(
    "INSERT INTO participant ({columns}) VALUES {rows}",
    "conversation, user_id, joined_offset, role",
)
_NAME = Query("UPDATE conversation SET name = :name WHERE id = :conversation")
_DESCRIBE = Query("""UPDATE chat SET description = :description, updated_at = :at
    WHERE conversation = :conversation""")
_SET_ROLE = Query("""UPDATE participant SET role = :role
    WHERE conversation = :conversation AND user_id = :user_id AND left_offset IS NULL""")
_SET_PREFERENCES = Query("""INSERT OR REPLACE INTO chat_preference
        (conversation, user_id, notify, muted_until)
    VALUES (:conversation, :user_id, :notify, :muted_until)""")
_KEEP_TEXT = Query("""INSERT INTO message_edit
        (message, event_offset, conversation, content, edited_at)
    SELECT id, :offset, conversation, content, coalesce(edited_at, created_at) FROM message
    WHERE id = :message""")
_EDIT = Query("""UPDATE message SET content = :content, mentions = :mentions, edited_at = :at,
        changed_offset = :offset
    WHERE id = :message""")
_FORGET_TEXTS = Query("DELETE FROM message_edit WHERE message = :message")
_REACT = Query("""INSERT INTO reaction (message, emoji, user_id, event_offset, conversation)
    VALUES (:message, :emoji, :user_id, :offset, :conversation)""")
_TAKE_BACK = Query("""DELETE FROM reaction
    WHERE message = :message AND emoji = :emoji AND user_id = :user_id""")
_PIN = Query("""INSERT INTO pin (conversation, message, user_id, pinned_at)
    VALUES (:conversation, :message, :user_id, :at)""")
_UNPIN = Query("DELETE FROM pin WHERE conversation = :conversation AND message = :message")
_READ = Query("""INSERT INTO read_mark (conversation, user_id, seq, message, read_at)
    VALUES (:conversation, :user_id, :seq, :message, :at)""")
_MENTION = Bulk(
    "INSERT OR IGNORE INTO mention ({columns}) VALUES {rows}", "conversation, user_id, seq"
)
_FORGET_MENTIONS = Query("""DELETE FROM mention WHERE conversation = :conversation AND seq = :seq
    AND user_id IN (SELECT 'u' || value FROM message, json_each(message.mentions)
        WHERE message.id = :message)""")


def create(db: Database, entry: events.Event, payload: events.ConversationCreated) -> None:
    """Behind the conversation itself."""
    conversation = entry.conversation
    _ADD_CHAT.run(
        db,
        conversation=conversation,
        description=payload.description,
        created_by=payload.created_by,
        at=entry.at,
        pair=pair(payload.members) if payload.kind == "single" else None,
    )
    rows = [
        (conversation, each, entry.offset, "owner" if each == payload.created_by else "member")
        for each in payload.members
    ]
    _ADD_MEMBERS.run(db, rows)


def pair(members: Sequence[str]) -> str:
    """Of a single chat: the same whoever made it."""
    return " ".join(sorted(members))


def apply_posts(db: Database, posts: Sequence[events.Event]) -> None:
    """What is rare in a batch: who is mentioned."""
    mentions: list[Sequence[Value]] = []
    for entry in posts:
        payload = entry.payload
        assert isinstance(payload, events.MessagePosted)
        mentions += ((entry.conversation, f"u{id_}", payload.seq) for id_ in payload.mentions)
    _MENTION.run(db, mentions)


def forget_texts(db: Database, message_id: int) -> None:
    """Of a message that is erased."""
    _FORGET_TEXTS.run(db, message=message_id)


def apply(db: Database, entry: events.Event) -> None:
    """Other events change no table of chats."""
    conversation = entry.conversation
    match entry.payload:
        case chat_events.ChatUpdated(chat):
            _NAME.run(db, name=chat.name, conversation=conversation)
            _DESCRIBE.run(db, description=chat.description, at=entry.at, conversation=conversation)
        case chat_events.ParticipantRoleChanged(user_id, role):
            _SET_ROLE.run(db, role=role, conversation=conversation, user_id=user_id)
        case chat_events.PreferencesSet(user_id, notify, muted_until):
            _SET_PREFERENCES.run(
                db,
                conversation=conversation,
                user_id=user_id,
                notify=notify,
                muted_until=muted_until,
            )
        case _:
            _apply_to_message(db, entry)


def _apply_to_message(db: Database, entry: events.Event) -> None:
    conversation, offset, at = entry.conversation, entry.offset, entry.at
    match entry.payload:
        case chat_events.MessageEdited() as edited:
            _edit(db, entry, edited)
        case chat_events.ReactionAdded(message_id, emoji, user_id):
            _REACT.run(
                db,
                message=message_id,
                emoji=emoji,
                user_id=user_id,
                offset=offset,
                conversation=conversation,
            )
        case chat_events.ReactionRemoved(message_id, emoji, user_id):
            _TAKE_BACK.run(db, message=message_id, emoji=emoji, user_id=user_id)
        case chat_events.MessagePinned(message_id, user_id):
            _PIN.run(db, conversation=conversation, message=message_id, user_id=user_id, at=at)
        case chat_events.MessageUnpinned(message_id):
            _UNPIN.run(db, conversation=conversation, message=message_id)
        case chat_events.ReadMoved(user_id, message_id, seq):
            _READ.run(
                db, conversation=conversation, user_id=user_id, seq=seq, message=message_id, at=at
            )


def _edit(db: Database, entry: events.Event, edited: chat_events.MessageEdited) -> None:
    message, conversation = edited.message_id, entry.conversation
    _KEEP_TEXT.run(db, message=message, offset=entry.offset)
    _FORGET_MENTIONS.run(db, conversation=conversation, seq=edited.seq, message=message)
    _EDIT.run(
        db,
        content=edited.content,
        mentions=msgspec.json.encode(edited.mentions).decode() if edited.mentions else None,
        at=entry.at,
        offset=entry.offset,
        message=message,
    )
    _MENTION.run(db, [(conversation, f"u{id_}", edited.seq) for id_ in edited.mentions])
