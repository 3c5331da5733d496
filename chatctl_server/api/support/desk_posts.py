"""Posting to a support conversation, over HTTP or a socket."""

from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.actions import support_messages as actions
from chatctl_server.actions.support_messages import Draft
from chatctl_server.api.context import Context
from chatctl_server.api.support import target
from chatctl_server.domain.events import Actor
from chatctl_server.domain.support import Person, SenderType
from chatctl_server.storage import support_conversations
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views.support import messages as views

SENDER_TYPES: dict[str, SenderType] = {
    "agent": "agent",
    "admin": "agent",
    "visitor": "visitor",
    "customer": "visitor",
    "bot": "bot",
}


class PostedDeskMessage(NamedTuple):
    shown: views.DeskMessage
    is_duplicate: bool


def sender_type(word: str | None) -> SenderType | None:
    """Raises InvalidInput."""
    if word is None:
        return None
    found = SENDER_TYPES.get(word)
    if found is None:
        raise errors.InvalidInput(
            f"sender_type is no {word[:40]!r}; allowed: agent, visitor, bot", field="sender_type"
        )
    return found


async def post(
    context: Context, actor: Actor, who: Person, conversation_id: str, draft: Draft
) -> PostedDeskMessage:
    """Raises what ``support_messages.post`` raises, and Throttled."""
    actions.check(draft, context.settings.max_message_bytes)
    if who.is_visitor:
        context.limits.visitor_messages.check(who.id)
        context.limits.visitor_messages.add(who.id)
    store = context.store
    found = await store.read_live(support_conversations.find, who, conversation_id)
    posted = await store.write(
        actions.post,
        actor,
        who,
        found.ref,
        draft,
        target.agents(context),
        size=len(draft.content) + CALL_BYTES,
    )
    shown = views.of_state(posted.message, found.public_id, found.site)
    return PostedDeskMessage(shown, posted.is_duplicate)
