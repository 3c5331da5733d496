"""Posting to a chat over HTTP, which is the hot path: nothing is read before the message is
written that is not in memory. What a refusal is worth is found out behind it."""

import secrets

from chatctl_server import errors
from chatctl_server.actions import messages
from chatctl_server.api.caller import Caller
from chatctl_server.api.context import Context
from chatctl_server.api.team import signals
from chatctl_server.api.team.message_bodies import PostChatMessage
from chatctl_server.domain import event_id, text, times
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import chat_messages, chats
from chatctl_server.storage.chat_messages import MessageState
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views.team import messages as views
from chatctl_server.views.team.messages import ChatMessage

_REFUSED = (errors.NotAParticipant, errors.ConversationNotFound, errors.ConversationIsClosed)


async def post(context: Context, who: Caller, chat_id: int, data: PostChatMessage) -> ChatMessage:
    """The message; of a repeat the first one. Raises NotAParticipant, ConversationNotFound, or
    what is wrong with the message."""
    directory, store = context.directory, context.store
    check(data, context.settings.max_message_bytes)
    chat = await directory.chat(who.account, chat_id)
    sent = _post(who, chat, await directory.fullname(who.account), data)
    try:
        posted = await store.write(messages.POST, sent, size=_size(sent))
    except _REFUSED:
        # Raises what the caller may know: that there is no such chat, or that they are not in it.
        await store.read_live(chats.find_mine, who.account, chat_id)
        raise
    if posted.duplicate or posted.payload is None:
        signals.tell_repeated(context, chat, who.account, sent.client_msg_id or "")
        return await _first(context, who, chat, posted.message_id)
    return views.of_posted(chat_id, posted.payload)


def _size(sent: messages.Post) -> int:
    """Of what waits for the writer."""
    return len(sent.content) + sum(map(len, sent.attachments)) + CALL_BYTES


async def _first(context: Context, who: Caller, chat: ChatRef, message_id: int) -> ChatMessage:
    """What the repeat repeats; also a deleted one, without its text."""
    found = await context.store.read_live(_read, who.account, chat, message_id)
    return views.of_state(found)


def _read(db: Database, account: int, chat: ChatRef, message_id: int) -> MessageState:
    chats.find_mine(db, account, chat.id)
    return chat_messages.get(db, chat, message_id)


def check(data: PostChatMessage, max_bytes: int) -> None:
    """What can be said of a message without the database. Raises InvalidInput, BadText or
    TooLarge."""
    if not data.files and not data.content.strip():
        raise errors.InvalidInput("content is empty, and there are no files", field="content")
    text.check(data.content, "content", max_bytes=max_bytes)
    if data.idempotency_key is not None:
        text.check_name(data.idempotency_key, "idempotency_key")


def made_key() -> str:
    """Of a message that came without one."""
    return event_id.make(times.now(), secrets.randbits(62))


def _post(who: Caller, chat: ChatRef, fullname: str, data: PostChatMessage) -> messages.Post:
    key = data.idempotency_key
    return messages.Post(
        chat,
        who.actor(),
        who.user_id or "",
        fullname,
        data.content,
        made_key() if key is None else key,
        reply_to=data.reply_to,
        attachments=tuple(data.files or ()),
        mentions=tuple(data.mentions or ()),
    )
