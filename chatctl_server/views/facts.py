"""A fact of the log as administrators see it. Times RFC 3339 UTC with microseconds."""

from typing import Any

import msgspec

from chatctl_server.domain import event_id, facts, times


class FactObject(msgspec.Struct, frozen=True):
    """``data`` is the fact's own values; times in it are microseconds."""

    offset: int
    event_id: str
    type: str
    at: str
    room_id: str | None
    actor: str | None
    credential: str
    address: str | None
    data: Any


def fact_object(entry: facts.Recorded, room_id: str | None) -> FactObject:
    return FactObject(
        offset=entry.offset,
        event_id=event_id.make(entry.at, entry.offset),
        type=facts.type_name(entry.fact),
        at=times.rfc3339(entry.at),
        room_id=room_id,
        actor=entry.actor.user_id,
        credential=entry.actor.credential,
        address=entry.actor.address,
        data=entry.fact,
    )
