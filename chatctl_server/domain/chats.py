"""The four types of chat, what they are called, and who may be in one (contract team, 3)."""

from collections.abc import Iterable
from typing import Literal, get_args

from chatctl_server import errors
from chatctl_server.domain import text
from chatctl_server.domain.references import Kind

ChatType = Literal["Single", "Group", "PrivateChannel", "PublicChannel"]
KINDS: dict[ChatType, Kind] = {
    "Single": "single",
    "Group": "group",
    "PrivateChannel": "private",
    "PublicChannel": "public",
}
TYPES: dict[Kind, ChatType] = {kind: each for each, kind in KINDS.items()}
MAX_NAME_CHARACTERS = 128
MAX_DESCRIPTION_BYTES = 4096
SMALLEST_GROUP = 3


def kind_of(chat_type: str | None, field: str = "type") -> Kind:
    """Raises InvalidInput."""
    for each, kind in KINDS.items():
        if each == chat_type:
            return kind
    allowed = ", ".join(get_args(ChatType))
    said = "is missing" if chat_type is None else f"is no {chat_type!r}"
    raise errors.InvalidInput(f"{field} {said}; allowed: {allowed}", field=field)


def check_name(name: str) -> str:
    """Trimmed, 1 to 128 characters. Raises InvalidInput or BadText."""
    return text.check_title(name, "name", MAX_NAME_CHARACTERS)


def check_description(description: str) -> str:
    """Raises BadText or TooLarge."""
    return text.check(description, "description", max_bytes=MAX_DESCRIPTION_BYTES)


def members_of_new(kind: Kind, creator: int, listed: Iterable[int]) -> tuple[int, ...]:
    """Who is in it, in the order of their numbers; the creator may be listed or not. Raises
    InvalidInput."""
    if kind == "public":
        return (creator,)
    everybody = tuple(sorted({creator, *listed}))
    if kind == "single" and len(everybody) != 2:
        raise _wrong("a Single has exactly two members: its creator and one other")
    if kind == "group" and len(everybody) < SMALLEST_GROUP:
        raise _wrong(f"a Group has at least {SMALLEST_GROUP} members, its creator among them")
    return everybody


def check_may_grow(kind: Kind) -> None:
    """Raises InvalidInput."""
    if kind == "single":
        raise _wrong("a Single has exactly two members: make a Group")


def check_may_leave(kind: Kind, owner: int, leaving: Iterable[int]) -> None:
    """Raises InvalidInput, or OwnerMustTransfer. As its owner cannot go, nobody empties a chat."""
    if kind == "single":
        raise _wrong("nobody leaves a Single: delete it")
    if owner in set(leaving):
        raise errors.OwnerMustTransfer(
            "The owner cannot go: make another member the owner, or delete the chat",
            field="members",
        )


def check_may_join(kind: Kind) -> None:
    """Raises NotAllowed."""
    if kind != "public":
        raise errors.NotAllowed("Only a PublicChannel can be joined; to others one is added")


def _wrong(rule: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"members: {rule}", field="members")
