"""The core's refusals in the rooms' own codes, and what clients are told in sentences."""

from typing import Literal, NamedTuple

from chatctl_server import errors
from chatctl_server.views.rooms import frames

Language = Literal["zh", "en"]


class _Sentences(NamedTuple):
    room_closed: str
    banned: str
    too_fast: str
    no_database: str


_SENTENCES: dict[Language, _Sentences] = {
    "zh": _Sentences(  # the documents'
        room_closed="房间已关闭",
        banned="你已被踢出该房间，无法再次加入",
        too_fast="发送过于频繁，请{seconds}秒后再试",
        no_database="服务器暂时无法使用，请稍后再试",
    ),
    "en": _Sentences(
        room_closed="The room was closed",
        banned="You were removed from this room and cannot join it again",
        too_fast="You send too often; try again in {seconds} s",
        no_database="The server cannot be used at the moment; try again later",
    ),
}


def in_room_codes(error: errors.ChatctlError) -> errors.ChatctlError:
    """What the host product, and operators, are told: all of it, in English."""
    match error:
        case errors.RoomNotFound() | errors.RoomIsClosed():
            return error
        case errors.ConversationNotFound():
            return errors.RoomNotFound(error.detail, field=error.field or "room_id")
        case errors.ConversationIsClosed():
            return errors.RoomIsClosed(error.detail, field="room_id")
        case _:
            return error


class RoomWords:
    """What users are told. ``room_closed`` is a frame."""

    def __init__(self, language: Language = "zh") -> None:
        self._sentences = _SENTENCES[language]
        self.room_closed = frames.system(self._sentences.room_closed)

    def of(self, error: errors.ChatctlError) -> errors.ChatctlError:
        """What has no words of its own here stays as it is."""
        match error:
            case errors.Banned():
                return errors.Banned(self._sentences.banned, field="user_id")
            case errors.Stopping():
                return error
            case errors.StorageUnavailable():  # where it lies is not for users
                said = self._sentences.no_database
                return errors.StorageUnavailable(said, retry_after=error.retry_after)
            case _:
                return in_room_codes(error)

    def of_a_message(self, error: errors.ChatctlError) -> errors.ChatctlError:
        """As ``of``, for what a sender hears of a message."""
        if isinstance(error, errors.Throttled):
            wait = error.retry_after
            return errors.Throttled(self._sentences.too_fast.format(seconds=wait), retry_after=wait)
        return self.of(error)
