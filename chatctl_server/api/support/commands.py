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


class SendPayload(msgspec.Struct, frozen=True):
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


class HistoryPayload(msgspec.Struct, frozen=True):
    conversation_id: _Id
    before: _Id | None = None
    limit: int = 50


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="Auth"):
    payload: AuthPayload = AuthPayload()


class JoinConversation(msgspec.Struct, frozen=True, tag_field="type", tag="JoinConversation"):
    payload: ConversationPayload


class LeaveConversation(msgspec.Struct, frozen=True, tag_field="type", tag="LeaveConversation"):
    payload: ConversationPayload


class Send(msgspec.Struct, frozen=True, tag_field="type", tag="Send"):
    payload: SendPayload


class Typing(msgspec.Struct, frozen=True, tag_field="type", tag="Typing"):
    payload: ConversationPayload


class Read(msgspec.Struct, frozen=True, tag_field="type", tag="Read"):
    payload: ReadPayload


class LoadHistory(msgspec.Struct, frozen=True, tag_field="type", tag="LoadHistory"):
    payload: HistoryPayload


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="Ping"):
    pass


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="Pong"):
    pass


class ErrorAck(msgspec.Struct, frozen=True, tag_field="type", tag="ErrorAck"):
    pass


Command = (
    Auth
    | JoinConversation
    | LeaveConversation
    | Send
    | Typing
    | Read
    | LoadHistory
    | Ping
    | Pong
    | ErrorAck
)
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def decode(text: bytes) -> Command:
    """Raises msgspec.DecodeError or RecursionError for what is no frame of these."""
    return _decoder.decode(text)
