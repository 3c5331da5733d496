"""What is recorded for followers and listeners and changes no table: custom events, syncs."""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import facts, text
from chatctl_server.storage import conversations
from chatctl_server.storage.transaction import Tx


def send_custom_event(
    tx: Tx, actor: facts.Actor, room_id: str, user_id: str, event_type: str, payload: msgspec.Raw
) -> facts.Recorded:
    text.check_name(event_type, "event_type")
    text.check_json(bytes(payload), "payload")
    room = conversations.find_open_room(tx.db, room_id)
    return tx.record(facts.CustomSent(user_id, event_type, payload), actor, room.id)


def request_sync(
    tx: Tx,
    actor: facts.Actor,
    kinds: Sequence[facts.SyncKind],
    room_id: str | None,
    from_time: int | None,
    to_time: int | None,
    full: bool,
) -> facts.Recorded:
    """Of one open room or, without ``room_id``, of all. Times in microseconds."""
    conversation = None if room_id is None else conversations.find_open_room(tx.db, room_id).id
    fact = facts.SyncRequested(tuple(kinds), tx.now, from_time, to_time, full)
    return tx.record(fact, actor, conversation)
