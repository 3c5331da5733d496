"""What the streams of team chat tell: one function per event and per signal, each encoded once.

An object has its name in ``event`` and its ``workspace_id``. Source: contract team, section 7.
"""

from typing import Any, NamedTuple

import msgspec

from chatctl_server.domain import accounts, chat_events, events, times
from chatctl_server.views.team import chats, messages

_encoder = msgspec.json.Encoder()


class Told(NamedTuple):
    """``data``: JSON on one line, which begins with the name."""

    name: str
    data: bytes


def _told(name: str, workspace: int | None, /, **values: Any) -> Told:
    return Told(name, _encoder.encode({"event": name, "workspace_id": workspace, **values}))


def _object(name: str, workspace: int, found: chats.Chat | messages.ChatMessage) -> Told:
    values = {**msgspec.structs.asdict(found), "workspace_id": workspace}
    return Told(name, _encoder.encode({"event": name, **values}))


def of_event(entry: events.Event, workspace: int) -> Told | None:
    """For the members of its chat; None for what they are not told."""
    chat_id = entry.conversation or 0
    match entry.payload:
        case events.MessagePosted() as posted:
            return _object("NewMessage", workspace, messages.of_posted(chat_id, posted))
        case chat_events.MessageEdited() as edited:
            shown = messages.of_edited(chat_id, edited, entry.at)
            return _object("MessageUpdated", workspace, shown)
        case events.MessageDeleted(message_id) | events.MessageErased(message_id):
            return _told("MessageDeleted", workspace, chat_id=chat_id, message_id=message_id)
        case _:
            return _of_mark(entry, workspace, chat_id) or _of_membership(entry, workspace, chat_id)


def _of_mark(entry: events.Event, workspace: int, chat_id: int) -> Told | None:
    match entry.payload:
        case chat_events.ReactionAdded() as added:
            return _reaction(workspace, chat_id, added, added=True)
        case chat_events.ReactionRemoved() as removed:
            return _reaction(workspace, chat_id, removed, added=False)
        case chat_events.MessagePinned() as pinned:
            return _pin(workspace, chat_id, pinned, pinned=True)
        case chat_events.MessageUnpinned() as unpinned:
            return _pin(workspace, chat_id, unpinned, pinned=False)
        case _:
            return None


def _of_membership(entry: events.Event, workspace: int, chat_id: int) -> Told | None:
    match entry.payload:
        case events.ConversationCreated() as created:
            return new_chat(chat_id, workspace, _snapshot(created, entry.at))
        case chat_events.ChatUpdated(chat):
            return _object("ChatUpdated", workspace, chats.chat(chat_id, workspace, chat))
        case events.ConversationClosed():
            return _told("ChatDeleted", workspace, chat_id=chat_id)
        case events.ParticipantJoined(user_id):
            return _participant("UserJoinedChat", workspace, chat_id, user_id, entry.at)
        case events.ParticipantLeft(user_id, joined_at):
            return _participant("UserLeftChat", workspace, chat_id, user_id, joined_at)
        case _:
            return None


def new_chat(chat_id: int, workspace: int, joined: chat_events.ChatSnapshot) -> Told:
    """For whoever is added to a chat, before they are told that they joined."""
    return _object("NewChat", workspace, chats.chat(chat_id, workspace, joined))


def _snapshot(created: events.ConversationCreated, at: int) -> chat_events.ChatSnapshot:
    return chat_events.ChatSnapshot(
        created.kind, created.name, created.description, created.created_by, at, created.members, at
    )


def _participant(
    name: str, workspace: int, chat_id: int, user_id: str, joined_at: int | None
) -> Told:
    return _told(
        name,
        workspace,
        chat_id=chat_id,
        user_id=accounts.account_id(user_id),
        joined_at=_time(joined_at),
    )


def _reaction(
    workspace: int,
    chat_id: int,
    reaction: chat_events.ReactionAdded | chat_events.ReactionRemoved,
    *,
    added: bool,
) -> Told:
    return _told(
        "ReactionChanged",
        workspace,
        chat_id=chat_id,
        message_id=reaction.message_id,
        emoji=reaction.emoji,
        user_id=accounts.account_id(reaction.user_id),
        added=added,
    )


def _pin(
    workspace: int,
    chat_id: int,
    pin: chat_events.MessagePinned | chat_events.MessageUnpinned,
    *,
    pinned: bool,
) -> Told:
    return _told(
        "PinChanged",
        workspace,
        chat_id=chat_id,
        message_id=pin.message_id,
        user_id=accounts.account_id(pin.user_id),
        pinned=pinned,
    )


def connection_confirmed(
    workspace: int | None, account: int, chats: int, last_event_id: int
) -> Told:
    """``workspace``: the home. ``last_event_id``: an offset; what is behind it follows."""
    return _told(
        "connection_confirmed",
        workspace,
        user_id=account,
        connected_chats=chats,
        last_event_id=last_event_id,
    )


def resync(workspace: int | None, last_event_id: int) -> Told:
    """What was missed cannot be told; from that offset on nothing is missing."""
    return _told("resync", workspace, last_event_id=last_event_id)


def token_expiring(workspace: int | None, expires_at: int) -> Told:
    return _told("token_expiring", workspace, expires_at=times.rfc3339(expires_at))


def message_read(entry: events.Event, moved: chat_events.ReadMoved, workspace: int) -> Told:
    return _told(
        "MessageRead",
        workspace,
        chat_id=entry.conversation,
        user_id=accounts.account_id(moved.user_id),
        message_id=moved.message_id,
        read_at=times.rfc3339(entry.at),
    )


def typing(workspace: int, chat_id: int, account: int, name: str, *, is_typing: bool) -> Told:
    return _told(
        "TypingStatus",
        workspace,
        chat_id=chat_id,
        user_id=account,
        user_name=name,
        typing=is_typing,
    )


def presence(workspace: int, account: int, status: str, last_seen: int | None) -> Told:
    return _told(
        "UserPresence", workspace, user_id=account, status=status, last_seen=_time(last_seen)
    )


def repeated(workspace: int, chat_id: int, account: int, key: str) -> Told:
    return _told(
        "DuplicateMessageAttempted",
        workspace,
        idempotency_key=key,
        chat_id=chat_id,
        sender_id=account,
    )


def pong(at: int) -> bytes:
    return _encoder.encode({"event": "Pong", "time": times.rfc3339(at)})


def _time(at: int | None) -> str | None:
    return None if at is None else times.rfc3339(at)
