"""The rooms protocol, server to client: one function per frame, each encoded once.

Frames are JSON text ``{"type": Name, "payload": {…}}``; a unit frame has no payload key.
Times are Unix seconds. Source: contract rooms, section 2.
"""

from typing import Any

import msgspec

from chatctl_server import errors
from chatctl_server.domain import facts, times
from chatctl_server.storage.messages import Stored
from chatctl_server.storage.replay import Replayed

YOU_ARE_KICKED = '{"type":"YouAreKicked"}'
YOU_ARE_MUTED = '{"type":"YouAreMuted"}'
ROOM_CLOSED = '{"type":"System","payload":{"message":"房间已关闭"}}'


class MessagePayload(msgspec.Struct, frozen=True, omit_defaults=True):
    sender: str = msgspec.field(name="from")
    nickname: str
    content: str
    is_admin: bool
    message_id: int
    seq: int
    created_at: int
    client_msg_id: str | None = None
    kind: facts.MessageKind = "text"
    deleted: bool = False


class SystemPayload(msgspec.Struct, frozen=True):
    message: str
    message_id: int
    seq: int


_encoder = msgspec.json.Encoder()


def _frame(name: str, payload: object) -> str:
    return _encoder.encode({"type": name, "payload": payload}).decode()


def of_fact(entry: facts.Recorded) -> str | None:
    """What the room is sent for a fact; None for a fact that is not broadcast."""
    fact = entry.fact
    match fact:
        case facts.MessagePosted():
            return _posted(fact)
        case facts.MessageDeleted():
            return message_deleted(fact.message_id, fact.seq)
        case facts.MuteSet(user_id):
            return _frame("UserMuted", {"user_id": user_id})
        case facts.CustomSent():
            return _frame("CustomEvent", {"event_type": fact.event_type, "payload": fact.payload})
        case _:
            return None


def of_replayed(entry: Replayed) -> str | None:
    """The same bytes as the live frame, for what is read from the tables."""
    if isinstance(entry, facts.Recorded):
        return of_fact(entry)
    if entry.deleted_at is not None:
        return message_deleted(entry.id, entry.seq)
    if entry.kind == "system":
        return _system(entry.content, entry.id, entry.seq)
    return _frame("Message", message(entry))


def _posted(fact: facts.MessagePosted) -> str:
    if fact.kind == "system":
        return _system(fact.content, fact.message_id, fact.seq)
    return _frame(
        "Message",
        MessagePayload(
            fact.sender,
            fact.nickname,
            fact.content,
            fact.is_admin,
            fact.message_id,
            fact.seq,
            times.seconds(fact.created_at),
            fact.client_msg_id,
        ),
    )


def _system(content: str, message_id: int, seq: int) -> str:
    return _frame("System", SystemPayload(content, message_id, seq))


def message(row: Stored) -> MessagePayload:
    """A stored message; a deleted one says so and has no text."""
    return MessagePayload(
        row.sender,
        row.nickname,
        row.content,
        row.is_admin,
        row.id,
        row.seq,
        times.seconds(row.created_at),
        row.client_msg_id,
        "system" if row.kind == "system" else "text",
        row.deleted_at is not None,
    )


def message_deleted(message_id: int, seq: int) -> str:
    return _frame("MessageDeleted", {"message_id": message_id, "seq": seq})


def welcome(user_id: str, nickname: str, is_muted: bool, is_admin: bool, last_seq: int) -> str:
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


def ack(client_msg_id: str, message_id: int, seq: int, duplicate: bool) -> str:
    return _frame(
        "Ack",
        {
            "client_msg_id": client_msg_id,
            "message_id": message_id,
            "seq": seq,
            "duplicate": duplicate,
        },
    )


def error(refusal: errors.ChatctlError, client_msg_id: str | None = None) -> str:
    payload: dict[str, str | int] = {"message": refusal.detail, "code": refusal.code}
    if refusal.retry_after is not None:
        payload["retry_after"] = refusal.retry_after
    if client_msg_id is not None:
        payload["client_msg_id"] = client_msg_id
    return _frame("Error", payload)


def room_stats(current_users: int, peak_users: int) -> str:
    return _frame("RoomStats", {"current_users": current_users, "peak_users": peak_users})


def user_joined(user_id: str, nickname: str) -> str:
    return _frame("UserJoined", {"user_id": user_id, "nickname": nickname})


def user_left(user_id: str, nickname: str) -> str:
    return _frame("UserLeft", {"user_id": user_id, "nickname": nickname})


def pong(timestamp: Any) -> str:
    return _frame("Pong", {"timestamp": timestamp})


def history(rows: list[Stored], has_more: bool) -> str:
    return _frame("History", {"messages": [message(row) for row in rows], "has_more": has_more})
