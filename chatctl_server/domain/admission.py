"""Who may post, as one pure rule for each kind of conversation.

Rooms: whoever is neither banned nor muted, as often as the throttle lets them (contract rooms,
section 2). Chats and support conversations: their participants, unless banned or muted. A visitor
is a participant of the conversation, an agent one of the conversations that are theirs.
"""

from collections.abc import Callable
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.domain.events import Role
from chatctl_server.domain.references import Kind


class Author(NamedTuple):
    """What the tables say of a sender in a conversation, at this moment. ``wait_seconds``: what
    the throttle leaves; ``is_guarded``: the post comes from the sender's own connection, not in
    the sender's name from somebody who may do that."""

    role: Role | None
    is_banned: bool
    is_muted: bool
    wait_seconds: int = 0
    is_guarded: bool = True

    @property
    def is_admin(self) -> bool:
        return self.role in ("owner", "admin")


Rule = Callable[[Author], None]


def anybody(sender: Author) -> None:
    """A room's users come from another product, which says who they are."""


def participants(sender: Author) -> None:
    """Raises NotAParticipant."""
    if sender.role is None:
        raise errors.NotAParticipant("Only participants may post here")


RULES: dict[Kind, Rule] = {
    "room": anybody,
    "single": participants,
    "group": participants,
    "private": participants,
    "public": participants,
    "support": participants,
}


def check(kind: Kind, sender: Author) -> None:
    """Raises Banned, Muted, Throttled, or what the kind's own rule raises."""
    if sender.is_banned:
        raise errors.Banned("The user is banned here", field="user_id")
    RULES[kind](sender)
    if not sender.is_guarded:
        return
    if sender.is_muted:
        raise errors.Muted("You are muted in this conversation")
    if sender.wait_seconds and not sender.is_admin:
        raise errors.Throttled(
            f"Too many messages: wait {sender.wait_seconds} s", retry_after=sender.wait_seconds
        )
