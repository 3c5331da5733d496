"""The rooms protocol, server to client: one function per frame, each encoded once.

Frames are JSON text ``{"type": Name, "payload": {…}}``; a unit frame has no payload key.
Times are Unix seconds. Source: contract rooms, section 2.
"""

from typing import Any

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events, times
from chatctl_server.storage.messages import Message
from chatctl_server.storage.replay import ChangedMessage, Replayed

YOU_ARE_KICKED = b'{"type":"YouAreKicked"}'
YOU_ARE_MUTED = b'{"type":"YouAreMuted"}'


class MessagePayload(msgspec.Struct, frozen=True, omit_defaults=True):
    sender: str = msgspec.field(name="from")
    nickname: str
    content: str
    is_admin: bool
    message_id: int
    seq: int
    created_at: int
    client_msg_id: str | None = None
    kind: events.MessageKind = "text"
    deleted: bool = False


class SystemPayload(msgspec.Struct, frozen=True):
    message: str
    message_id: int
    seq: int


_encoder = msgspec.json.Encoder()


def _frame(name: str, payload: object) -> bytes:
    return _encoder.encode({"type": name, "payload": payload})


def of_event(entry: events.Event) -> bytes | None:
    """What the room is sent for an event; None for an event that is not broadcast."""
    payload = entry.payload
    match payload:
        case events.MessagePosted():
            return _posted(payload)
        case events.MessageDeleted() | events.MessageErased():
            return message_deleted(payload.message_id, payload.seq)
        case events.MuteSet(user_id):
            return _frame("UserMuted", {"user_id": user_id})
        case events.CustomSent():
            return _frame(
                "CustomEvent", {"event_type": payload.event_type, "payload": payload.payload}
            )
        case _:
            return None


def of_replayed(entry: Replayed) -> bytes | None:
    """The same bytes as the live frame, for what is read from the tables."""
    if isinstance(entry, events.Event):
        return of_event(entry)
    if isinstance(entry, ChangedMessage):
        entry = entry.message
    if entry.deleted_at is not None:
        return message_deleted(entry.id, entry.seq)
    if entry.kind == "system":
        return _system(entry.content, entry.id, entry.seq)
    return _frame("Message", message(entry))


def _posted(payload: events.MessagePosted) -> bytes:
    if payload.kind == "system":
        return _system(payload.content, payload.message_id, payload.seq)
    return _frame(
        "Message",
        MessagePayload(
            payload.sender,
            payload.nickname,
            payload.content,
            payload.is_admin,
            payload.message_id,
            payload.seq,
            times.seconds(payload.created_at),
            payload.client_msg_id,
        ),
    )


def _system(content: str, message_id: int, seq: int) -> bytes:
    return _frame("System", SystemPayload(content, message_id, seq))


def message(row: Message) -> MessagePayload:
    """A stored message; a deleted one says so and has no text."""
    return MessagePayload(
        row.sender,
        row.nickname,
        "" if row.deleted_at is not None else row.content,
        bool(row.is_admin),
        row.id,
        row.seq,
        times.seconds(row.created_at),
        row.client_msg_id,
        "system" if row.kind == "system" else "text",  # a default is left out by identity
        row.deleted_at is not None,
    )


def message_deleted(message_id: int, seq: int) -> bytes:
    return _frame("MessageDeleted", {"message_id": message_id, "seq": seq})


def welcome(user_id: str, nickname: str, is_muted: bool, is_admin: bool, last_seq: int) -> bytes:
    return _frame(
        "WelcomeInfo",
        {
            "user_id": user_id,
            "nickname": nickname,
            "is_muted": is_muted,
            "is_admin": is_admin,
            "last_seq": last_seq,
        },
    )


def ack(client_msg_id: str, message_id: int, seq: int, duplicate: bool) -> bytes:
    return _frame(
        "Ack",
        {
            "client_msg_id": client_msg_id,
            "message_id": message_id,
            "seq": seq,
            "duplicate": duplicate,
        },
    )


def error(refusal: errors.ChatctlError, client_msg_id: str | None = None) -> bytes:
    payload: dict[str, str | int] = {"message": refusal.detail, "code": refusal.code}
    if refusal.retry_after is not None:
        payload["retry_after"] = refusal.retry_after
    if client_msg_id is not None:
        payload["client_msg_id"] = client_msg_id
    return _frame("Error", payload)


def system(message: str) -> bytes:
    """What is told and not stored."""
    return _frame("System", {"message": message})


def room_stats(current_users: int, peak_users: int) -> bytes:
    return _frame("RoomStats", {"current_users": current_users, "peak_users": peak_users})


def user_joined(user_id: str, nickname: str) -> bytes:
    return _frame("UserJoined", {"user_id": user_id, "nickname": nickname})


def user_left(user_id: str, nickname: str) -> bytes:
    return _frame("UserLeft", {"user_id": user_id, "nickname": nickname})


def pong(timestamp: Any) -> bytes:
    return _frame("Pong", {"timestamp": timestamp})


def history(rows: list[Message], has_more: bool) -> bytes:
    return _frame("History", {"messages": [message(row) for row in rows], "has_more": has_more})
