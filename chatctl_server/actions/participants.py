"""Who takes part in a chat or a support conversation, and as what. What would change nothing
records nothing. A room has no participants but its admins, see ``conversations.set_admins``."""

from collections.abc import Iterable

import msgspec

from chatctl_server import errors
from chatctl_server.domain import chat_events, events, text
from chatctl_server.domain.references import ChatRef, SupportRef
from chatctl_server.storage import chats, conversations, participants
from chatctl_server.storage.transaction import Tx


def join(
    tx: Tx,
    actor: events.Actor,
    ref: ChatRef | SupportRef,
    user_id: str,
    role: events.Role = "member",
) -> events.Event | None:
    """Begins a stay in that role, of a chat with the chat as it is then; None when the user is in
    it already. Raises ConversationNotFound, ConversationIsClosed, or Conflict for somebody who has
    another role."""
    text.check_user_id(user_id)
    conversations.get_open(tx.db, ref)
    present = participants.role(tx.db, ref, user_id)
    if present == role:
        return None
    if present is not None:
        raise errors.Conflict(f"{user_id} is {present} here already", field="user_id")
    return tx.record(events.ParticipantJoined(user_id, role, _with(tx, ref, user_id)), actor, ref)


def add(tx: Tx, actor: events.Actor, ref: ChatRef, user_ids: Iterable[str]) -> list[str]:
    """Members of the chat from now on; which of them were not in it before. Each event has the chat
    as it is then, which is read once: there may be a thousand. Raises ConversationNotFound."""
    chat = chats.get(tx.db, ref)
    present, added = set(chat.members), []
    for each in user_ids:
        if each in present:
            continue
        chat = msgspec.structs.replace(chat, members=(*chat.members, each))
        tx.record(events.ParticipantJoined(each, "member", chat), actor, ref)
        present.add(each)
        added.append(each)
    return added


def leave(
    tx: Tx, actor: events.Actor, ref: ChatRef | SupportRef, user_id: str
) -> events.Event | None:
    """Ends the stay; None when there is none."""
    conversations.get_open(tx.db, ref)
    joined_at = participants.joined_at(tx.db, ref, user_id)
    if joined_at is None:
        return None
    return tx.record(events.ParticipantLeft(user_id, joined_at), actor, ref)


def _with(tx: Tx, ref: ChatRef | SupportRef, user_id: str) -> chat_events.ChatSnapshot | None:
    """The chat with the user in it; None for what is no chat."""
    if not isinstance(ref, ChatRef):
        return None
    found = chats.get(tx.db, ref)
    return msgspec.structs.replace(found, members=(*found.members, user_id))
