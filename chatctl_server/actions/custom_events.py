"""Custom events: what a client sends to the others, recorded and shown, stored in no table."""

import msgspec

from chatctl_server.actions import moderation
from chatctl_server.domain import events, text
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage.transaction import Tx


def send(
    tx: Tx,
    actor: events.Actor,
    ref: ConversationRef,
    user_id: str,
    event_type: str,
    payload: msgspec.Raw,
) -> events.Event:
    text.check_name(event_type, "event_type")
    text.check_json(bytes(payload), "payload")
    moderation.check(tx, actor, ref)
    return tx.record(events.CustomSent(user_id, event_type, payload), actor, ref)
