"""The desk's socket, client to server (contract support, 4)."""

from typing import Annotated, Literal

import msgspec

_Id = Annotated[str, msgspec.Meta(max_length=64)]
_MessageIds = Annotated[list[_Id], msgspec.Meta(max_length=100)]


class AuthPayload(msgspec.Struct, frozen=True):
    """An agent's ``token``, or a ``site`` and a ``visitor`` token."""

    token: str | None = None
    site: str | None = None
    visitor: str | None = None


class ConversationPayload(msgspec.Struct, frozen=True):
    conversation_id: _Id


class DeskSendPayload(msgspec.Struct, frozen=True):
    conversation_id: _Id
    content: str = ""
    message_type: Literal["text", "image", "file"] = "text"
    client_msg_id: str | None = None
    file: str | None = None
    is_private: bool = False
    sender_id: str | None = None
    sender_type: str | None = None


class ReadPayload(msgspec.Struct, frozen=True):
    conversation_id: _Id
    message_ids: _MessageIds = []


class DeskHistoryPayload(msgspec.Struct, frozen=True):
    conversation_id: _Id
    before: _Id | None = None
    limit: int = 50


class AuthFrame(msgspec.Struct, frozen=True, tag_field="type", tag="Auth"):
    payload: AuthPayload = AuthPayload()


class JoinFrame(msgspec.Struct, frozen=True, tag_field="type", tag="JoinConversation"):
    payload: ConversationPayload


class LeaveFrame(msgspec.Struct, frozen=True, tag_field="type", tag="LeaveConversation"):
    payload: ConversationPayload


class SendFrame(msgspec.Struct, frozen=True, tag_field="type", tag="Send"):
    payload: DeskSendPayload


class TypingFrame(msgspec.Struct, frozen=True, tag_field="type", tag="Typing"):
    payload: ConversationPayload


class ReadFrame(msgspec.Struct, frozen=True, tag_field="type", tag="Read"):
    payload: ReadPayload


class LoadHistoryFrame(msgspec.Struct, frozen=True, tag_field="type", tag="LoadHistory"):
    payload: DeskHistoryPayload


class PingFrame(msgspec.Struct, frozen=True, tag_field="type", tag="Ping"):
    pass


class PongFrame(msgspec.Struct, frozen=True, tag_field="type", tag="Pong"):
    pass


class ErrorAckFrame(msgspec.Struct, frozen=True, tag_field="type", tag="ErrorAck"):
    pass


Command = (
    AuthFrame
    | JoinFrame
    | LeaveFrame
    | SendFrame
    | TypingFrame
    | ReadFrame
    | LoadHistoryFrame
    | PingFrame
    | PongFrame
    | ErrorAckFrame
)
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def decode(text: bytes) -> Command:
    """Raises msgspec.DecodeError or RecursionError for what is no frame of these."""
    return _decoder.decode(text)
