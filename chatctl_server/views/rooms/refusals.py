"""The core's refusals in the rooms' own codes and in the documents' sentences."""

from chatctl_server import errors


def in_room_words(error: errors.ChatctlError) -> errors.ChatctlError:
    """What has no words of its own here stays as it is."""
    match error:
        case errors.RoomNotFound() | errors.RoomIsClosed():
            return error
        case errors.ConversationNotFound():
            return errors.RoomNotFound(error.detail, field=error.field or "room_id")
        case errors.ConversationIsClosed():
            return errors.RoomIsClosed(error.detail, field="room_id")
        case errors.Banned():
            return errors.Banned("你已被踢出该房间，无法再次加入", field="user_id")
        case _:
            return error


def of_a_message(error: errors.ChatctlError) -> errors.ChatctlError:
    """As ``in_room_words``, for what a sender hears of a message."""
    if isinstance(error, errors.Throttled):
        wait = error.retry_after
        return errors.Throttled(f"发送过于频繁，请{wait}秒后再试", retry_after=wait)
    return in_room_words(error)
