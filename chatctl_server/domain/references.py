"""References: which conversation of whose is meant.

Finders alone make them, from what a caller named and the scope that the caller may look into;
every query and action about one conversation takes a reference, so that none can be asked
without its scope, and none about a conversation of another kind.
"""

from typing import ClassVar, Literal

import msgspec

Kind = Literal["room", "single", "group", "private", "public", "support"]
ScopeType = Literal["rooms", "workspace", "site"]
ROOMS = 1
"""The id of the one scope that all rooms are of."""
EVERY_SCOPE = 0
"""Of an endpoint that hears of every scope; the id of no scope."""
SCOPE_TYPES: dict[Kind, ScopeType] = {
    "room": "rooms",
    "single": "workspace",
    "group": "workspace",
    "private": "workspace",
    "public": "workspace",
    "support": "site",
}


class ConversationRef(msgspec.Struct, frozen=True):
    """``id`` is unique over all kinds and scopes."""

    kinds: ClassVar[tuple[Kind, ...]] = ()
    noun: ClassVar[str] = "conversation"
    id: int
    scope: int


class RoomRef(ConversationRef, frozen=True):
    kinds: ClassVar[tuple[Kind, ...]] = ("room",)
    noun: ClassVar[str] = "room"


class ChatRef(ConversationRef, frozen=True):
    kinds: ClassVar[tuple[Kind, ...]] = ("single", "group", "private", "public")
    noun: ClassVar[str] = "chat"


class SupportRef(ConversationRef, frozen=True):
    kinds: ClassVar[tuple[Kind, ...]] = ("support",)


CLASSES: tuple[type[ConversationRef], ...] = (RoomRef, ChatRef, SupportRef)
CLASS_OF: dict[Kind, type[ConversationRef]] = {
    kind: each for each in CLASSES for kind in each.kinds
}
