"""Which events of the log are envelopes of the support desk, and for whom (contract support, 2)."""

from typing import NamedTuple

from chatctl_server.domain import chat_events, events, support_events
from chatctl_server.domain.event_types import Payload

PREFIX = "domain.event."
WELCOME = "system.welcome"
NAMES = (
    "message_appended",
    "message_updated",
    "message_deleted",
    "conversation_opened",
    "conversation_closed",
    "conversation_reopened",
    "conversation_assigned",
    "conversation_labelled",
    "conversation_rated",
)


class EnvelopeKind(NamedTuple):
    """``conversation_id``: as clients know it. ``is_private``: for agents alone."""

    name: str
    conversation_id: str
    is_private: bool = False


def kind_of(payload: Payload) -> EnvelopeKind | None:
    """None for what is no envelope."""
    match payload:
        case events.ConversationCreated(kind="support", public_id=public_id):
            return EnvelopeKind("conversation_opened", public_id)
        case support_events.SupportEvent(conversation_id):
            return _of_conversation(payload, conversation_id)
        case events.MessagePosted(support=said):
            name = "message_appended"
        case chat_events.MessageEdited(support=said):
            name = "message_updated"
        case events.MessageDeleted(support=said) | events.MessageErased(support=said):
            name = "message_deleted"
        case _:
            return None
    return None if said is None else EnvelopeKind(name, said.conversation_id, said.is_private)


def _of_conversation(payload: Payload, conversation_id: str) -> EnvelopeKind | None:
    match payload:
        case support_events.Closed():
            return EnvelopeKind("conversation_closed", conversation_id)
        case support_events.Reopened():
            return EnvelopeKind("conversation_reopened", conversation_id)
        case support_events.Assigned():
            return EnvelopeKind("conversation_assigned", conversation_id, is_private=True)
        case support_events.Labelled() | support_events.Snoozed():
            return EnvelopeKind("conversation_labelled", conversation_id, is_private=True)
        case support_events.Rated():
            return EnvelopeKind("conversation_rated", conversation_id)
        case _:
            return None
