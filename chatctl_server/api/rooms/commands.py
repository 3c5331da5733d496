"""The rooms protocol, client to server. What cannot be decoded is ignored by rule."""

import json
from typing import get_args

import msgspec


class SendPayload(msgspec.Struct, frozen=True):
    content: str
    client_msg_id: str | None = None


class UserPayload(msgspec.Struct, frozen=True):
    user_id: str


class CustomPayload(msgspec.Struct, frozen=True):
    event_type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")


class PingPayload(msgspec.Struct, frozen=True):
    timestamp: msgspec.Raw = msgspec.Raw(b"null")


class HistoryPayload(msgspec.Struct, frozen=True):
    before: int | None = None
    limit: int = 100


class SendMessage(msgspec.Struct, frozen=True, tag_field="type", tag="SendMessage"):
    payload: SendPayload


class KickUser(msgspec.Struct, frozen=True, tag_field="type", tag="KickUser"):
    payload: UserPayload


class MuteUser(msgspec.Struct, frozen=True, tag_field="type", tag="MuteUser"):
    payload: UserPayload


class UnmuteUser(msgspec.Struct, frozen=True, tag_field="type", tag="UnmuteUser"):
    payload: UserPayload


class CustomEvent(msgspec.Struct, frozen=True, tag_field="type", tag="CustomEvent"):
    payload: CustomPayload


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="Ping"):
    payload: PingPayload = PingPayload()


class LoadHistory(msgspec.Struct, frozen=True, tag_field="type", tag="LoadHistory"):
    payload: HistoryPayload = HistoryPayload()


Command = SendMessage | KickUser | MuteUser | UnmuteUser | CustomEvent | Ping | LoadHistory
NAMES = tuple(each.__name__ for each in get_args(Command))
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


class UnreadableText(Exception):
    """A command whose text is no valid Unicode; it is answered, not ignored."""

    def __init__(self, command: str, client_msg_id: str | None) -> None:
        super().__init__(command)
        self.command = command
        self.client_msg_id = client_msg_id


def decode(text: bytes) -> Command | None:
    """None for what is to be ignored. Raises UnreadableText."""
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, RecursionError):
        _check_surrogates(text)
        return None


def _check_surrogates(text: bytes) -> None:
    """JSON may spell lone surrogates (``\\ud800``); the strict decoder only says "invalid"."""
    try:
        frame = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return
    if not (isinstance(frame, dict) and frame.get("type") in NAMES):
        return
    try:
        json.dumps(frame, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        payload = frame.get("payload")
        client_id = payload.get("client_msg_id") if isinstance(payload, dict) else None
        raise UnreadableText(frame["type"], _encodable(client_id)) from None


def _encodable(client_id: object) -> str | None:
    """The id, unless it is what cannot be sent back."""
    if not isinstance(client_id, str):
        return None
    try:
        client_id.encode()
    except UnicodeEncodeError:
        return None
    return client_id


def _refuse(constant: str) -> None:
    """NaN and the infinities are no JSON."""
    raise ValueError(constant)
