"""A fact of the log as administrators see it. Times RFC 3339 UTC with microseconds."""

from typing import Any

import msgspec

from chatctl_server.domain import event_id, facts, times

_TIMES = ("created_at", "join_time", "leave_time", "expires_at", "due_at", "from_time", "to_time")


class FactObject(msgspec.Struct, frozen=True):
    """``data`` is the fact's own values, its times as RFC 3339, too."""

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
        data=_data(entry.fact),
    )


def _data(fact: facts.Fact) -> Any:
    if isinstance(fact, facts.CustomSent):
        return fact  # its payload stays the sender's JSON
    values = msgspec.to_builtins(fact)
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = times.rfc3339(values[name])
    return values
