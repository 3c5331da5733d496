"""The desk's socket, server to client, beside envelopes (contract support, 4): one function per
frame. ``{"type": Name, "payload": {…}}``."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from chatctl_server import errors
from chatctl_server.domain import times
from chatctl_server.views.support.messages import DeskMessage

_encoder = msgspec.json.Encoder()


def _frame(name: str, **payload: Any) -> bytes:
    return _encoder.encode({"type": name, "payload": payload})


def authenticated(user_id: str, role: str) -> bytes:
    return _frame("Authenticated", user_id=user_id, role=role)


def joined(conversation_id: str, viewers: Collection[str]) -> bytes:
    return _frame("JoinedConversation", conversation_id=conversation_id, viewers=sorted(viewers))


def left(conversation_id: str) -> bytes:
    return _frame("LeftConversation", conversation_id=conversation_id)


def sent(message: DeskMessage, *, duplicate: bool) -> bytes:
    return _frame(
        "MessageSent",
        conversation_id=message.conversation_id,
        message=message,
        client_msg_id=message.client_msg_id,
        duplicate=duplicate,
    )


def history(conversation_id: str, messages: Sequence[DeskMessage], *, has_more: bool) -> bytes:
    """Newest first."""
    return _frame("History", conversation_id=conversation_id, messages=messages, has_more=has_more)


def pong(now: int) -> bytes:
    return _frame("Pong", time=times.rfc3339(now))


def error(refusal: errors.ChatctlError, client_msg_id: str | None = None) -> bytes:
    named = {} if client_msg_id is None else {"client_msg_id": client_msg_id}
    return _frame("Error", code=refusal.code, message=refusal.detail, **named)


def bad_frame(message: str) -> bytes:
    return _frame("Error", code="bad_frame", message=message)


# To those who joined a conversation; none is stored.


def typing(conversation_id: str, user_id: str) -> bytes:
    return _frame("Typing", conversation_id=conversation_id, user_id=user_id)


def read(conversation_id: str, user_id: str, message_ids: Sequence[str]) -> bytes:
    return _frame("Read", conversation_id=conversation_id, user_id=user_id, message_ids=message_ids)


def viewing(conversation_id: str, user_ids: Collection[str]) -> bytes:
    return _frame("Viewing", conversation_id=conversation_id, user_ids=sorted(user_ids))
