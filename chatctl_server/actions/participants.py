"""Who takes part in a chat or a support conversation, and as what. What would change nothing
records nothing. A room has no participants but its admins, see ``conversations.set_admins``."""

from collections.abc import Sequence

from chatctl_server import errors
from chatctl_server.domain import events, text
from chatctl_server.domain.references import ChatRef, SupportRef
from chatctl_server.storage import conversations, participants, post_links
from chatctl_server.storage.transaction import Tx


def join(
    tx: Tx,
    actor: events.Actor,
    ref: ChatRef | SupportRef,
    user_id: str,
    role: events.Role = "member",
) -> events.Event | None:
    """Begins a stay in that role; None when the user is in it already. Raises ConversationNotFound,
    ConversationIsClosed, or Conflict for somebody who has another role."""
    text.check_user_id(user_id)
    conversations.get_open(tx.db, ref)
    present = participants.role(tx.db, ref, user_id)
    if present == role:
        return None
    if present is not None:
        raise errors.Conflict(f"{user_id} is {present} here already", field="user_id")
    return tx.record(events.ParticipantJoined(user_id, role), actor, ref)


def add(tx: Tx, actor: events.Actor, ref: ChatRef, user_ids: Sequence[str]) -> list[str]:
    """Members of the chat from now on; which of them were not in it before, in whatever role.
    Raises ConversationNotFound or ConversationIsClosed."""
    conversations.get_open(tx.db, ref)
    present = post_links.present(tx.db, {(ref.id, each) for each in user_ids})
    added = [each for each in dict.fromkeys(user_ids) if (ref.id, each) not in present]
    for each in added:
        tx.record(events.ParticipantJoined(each, "member"), actor, ref)
    return added


def leave(
    tx: Tx, actor: events.Actor, ref: ChatRef | SupportRef, user_id: str
) -> events.Event | None:
    """Ends the stay; None when there is none."""
    conversations.get_open(tx.db, ref)
    joined_at = participants.joined_at(tx.db, ref, user_id)
    if joined_at is None:
        return None
    return tx.record(events.ParticipantLeft(user_id, joined_at), actor, ref)
