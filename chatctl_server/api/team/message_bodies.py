"""What clients send about messages."""

from typing import Annotated

import msgspec

from chatctl_server.views import fields as shared
from chatctl_server.views.fields import means

_Id = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
GivenMentions = (
    Annotated[
        list[_Id],
        means("Users to mention; who is no member of the chat is left out", [2], max_length=500),
    ]
    | None
)


class PostChatMessage(msgspec.Struct, frozen=True):
    content: shared.Content = ""
    files: (
        Annotated[list[str], means("URLs that the upload has answered", max_length=100)] | None
    ) = None
    idempotency_key: (
        Annotated[
            str,
            means("A repeat with the same key stores nothing: 1 to 255 characters", "4f1c-7"),
        ]
        | None
    ) = None
    reply_to: Annotated[_Id, means("The message of this chat that it answers")] | None = None
    mentions: GivenMentions = None


class EditMessage(msgspec.Struct, frozen=True):
    content: Annotated[
        str, means("The new text, at most `MAX_MESSAGE_BYTES` of UTF-8", "hello, all")
    ]
    mentions: GivenMentions = None


class React(msgspec.Struct, frozen=True):
    emoji: Annotated[str, means("One emoji", "👍")]
