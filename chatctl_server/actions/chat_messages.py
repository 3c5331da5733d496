"""What becomes of a chat's messages: edited, deleted, reacted to, pinned, read.

Each asks in its transaction whether whoever does it is still a member: NotAParticipant otherwise.
What would change nothing records nothing.
"""

from collections.abc import Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.actions import messages
from chatctl_server.actions.post_links import members
from chatctl_server.domain import admission, chat_events, emoji, events, text
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import chat_messages, conversations, participants
from chatctl_server.storage.chat_messages import MessageState
from chatctl_server.storage.messages import sender_status
from chatctl_server.storage.transaction import Tx

MAX_EMOJI = 50  # different ones on a message
MAX_PINS = 100  # of a chat


def edit(
    tx: Tx,
    actor: events.Actor,
    ref: ChatRef,
    message_id: int,
    content: str,
    mentions: Sequence[int] | None = None,
) -> MessageState:
    """By its author, who may post now; ``mentions`` None stays. The text before is kept. Raises
    NotAllowed, Banned, Muted or MessageNotFound."""
    found, user_id, role = _asked(tx, actor, ref, message_id)
    message = found.message
    if message.sender != user_id:
        raise errors.NotAllowed("Only its author may edit a message")
    _check_may_post(tx, ref, user_id, role)
    named = found.mentions if mentions is None else members(tx.db, ref, mentions)
    if (content, named) == (message.content, found.mentions):
        return found
    tx.record(_edited(found, content, named), actor, ref)
    return chat_messages.get(tx.db, ref, message_id)


def _check_may_post(tx: Tx, ref: ChatRef, user_id: str, role: Role) -> None:
    status = sender_status(tx.db, ref, user_id)
    author = admission.Author(role, status.is_banned(tx.now), status.is_muted(tx.now))
    admission.check(conversations.get(tx.db, ref).kind, author)


def check_edit(content: str, max_bytes: int) -> str:
    """Raises InvalidInput, BadText or TooLarge."""
    if not content.strip():
        raise errors.InvalidInput("content is empty; DELETE removes a message", field="content")
    return text.check(content, "content", max_bytes=max_bytes)


def _edited(
    found: MessageState, content: str, mentions: tuple[int, ...]
) -> chat_events.MessageEdited:
    message = found.message
    return chat_events.MessageEdited(
        message_id=message.id,
        seq=message.seq,
        posted_offset=message.event_offset,
        content=content,
        mentions=mentions,
        sender=message.sender,
        nickname=message.nickname,
        created_at=message.created_at,
        client_msg_id=message.client_msg_id,
        reply_to=message.reply_to,
        attachments=found.files,
        reply_count=found.reply_count,
        reactions=found.reactions,
        is_pinned=found.is_pinned,
    )


def delete(tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int) -> None:
    """A soft delete, by its author, or the chat's owner or admin. Raises NotAllowed or
    MessageNotFound."""
    found, user_id, role = _asked(tx, actor, ref, message_id)
    if found.message.sender != user_id and role not in ("owner", "admin"):
        raise errors.NotAllowed("Only its author, or an owner or admin, may delete a message")
    messages.delete(tx, actor, ref, message_id)


def react(tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int, symbol: str) -> MessageState:
    """Raises InvalidInput for what is no emoji, Conflict above 50 different ones."""
    emoji.check(symbol)
    found, user_id, _ = _asked(tx, actor, ref, message_id)
    if chat_messages.has_reacted(tx.db, message_id, symbol, user_id):
        return found
    used = {each.emoji for each in found.reactions}
    if symbol not in used and len(used) >= MAX_EMOJI:
        raise errors.Conflict(f"A message has at most {MAX_EMOJI} different reactions")
    tx.record(chat_events.ReactionAdded(message_id, symbol, user_id), actor, ref)
    return chat_messages.get(tx.db, ref, message_id)


def take_back(
    tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int, symbol: str
) -> MessageState:
    found, user_id, _ = _asked(tx, actor, ref, message_id)
    if not chat_messages.has_reacted(tx.db, message_id, symbol, user_id):
        return found
    tx.record(chat_events.ReactionRemoved(message_id, symbol, user_id), actor, ref)
    return chat_messages.get(tx.db, ref, message_id)


def pin(tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int) -> MessageState:
    """Raises Conflict above 100 in the chat."""
    found, user_id, _ = _asked(tx, actor, ref, message_id)
    if found.is_pinned:
        return found
    if chat_messages.count_pinned(tx.db, ref) >= MAX_PINS:
        raise errors.Conflict(f"A chat has at most {MAX_PINS} pinned messages: unpin one first")
    tx.record(chat_events.MessagePinned(message_id, user_id), actor, ref)
    return msgspec.structs.replace(found, is_pinned=True)


def unpin(tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int) -> MessageState:
    found, user_id, _ = _asked(tx, actor, ref, message_id)
    if not found.is_pinned:
        return found
    tx.record(chat_events.MessageUnpinned(message_id, user_id), actor, ref)
    return msgspec.structs.replace(found, is_pinned=False)


def read(tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int) -> events.Event | None:
    """Moves the reader's cursor to the message; it never goes back."""
    found, user_id, _ = _asked(tx, actor, ref, message_id)
    if found.message.seq <= chat_messages.last_read(tx.db, ref, user_id):
        return None
    payload = chat_events.ReadMoved(user_id, message_id, found.message.seq)
    return tx.record(payload, actor, ref)


def _asked(
    tx: Tx, actor: events.Actor, ref: ChatRef, message_id: int
) -> tuple[MessageState, str, Role]:
    """The message, and who asks in what role. Raises NotAParticipant or MessageNotFound, also for
    a deleted message."""
    conversations.get_open(tx.db, ref)
    user_id = actor.user_id
    assert user_id is not None
    role = participants.role(tx.db, ref, user_id)
    if role is None:
        raise errors.NotAParticipant("Only members of the chat may do that")
    found = chat_messages.get(tx.db, ref, message_id)
    if found.message.deleted_at is not None:
        raise chat_messages.not_found(message_id)
    return found, user_id, role
