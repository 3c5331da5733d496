"""Which conversation events are about, and whose it is: for the readers of the whole log."""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import events
from chatctl_server.domain.references import Kind, ScopeType
from chatctl_server.storage.sql import Database, Query


class Whereabouts(msgspec.Struct, frozen=True):
    """``public_id``: the conversation's; all are None of an event that is of the server.
    ``scope_name``: a workspace's number, a site's id."""

    scope_type: ScopeType | None = None
    scope_name: int | str | None = None
    kind: Kind | None = None
    public_id: str | None = None
    name: str | None = None

    @property
    def scope(self) -> str | None:
        """``rooms``, ``workspace:1``, ``site:default``; None for the server's own."""
        if self.scope_type in (None, "rooms"):
            return self.scope_type
        return f"{self.scope_type}:{self.scope_name}"

    @property
    def room_id(self) -> str | None:
        return self.public_id if self.kind == "room" else None


NOWHERE = Whereabouts()
_WHERE = Query("""SELECT s.type, coalesce(i.id, s.number), nullif(c.kind, 'purged'), c.public_id,
        c.name
    FROM scope s LEFT JOIN site i ON i.scope = s.id
    LEFT JOIN conversation c ON c.id = :conversation AND c.scope = s.id
    WHERE s.id = :scope""")


def of(db: Database, found: Sequence[events.Event]) -> dict[int, Whereabouts]:
    """By the events' offsets."""
    known: dict[tuple[int | None, int | None], Whereabouts] = {}
    for entry in found:
        place = entry.scope, entry.conversation
        if place not in known or isinstance(entry.payload, events.ConversationPurged):
            known[place] = of_one(db, entry)
    return {entry.offset: known[entry.scope, entry.conversation] for entry in found}


def of_one(db: Database, entry: events.Event) -> Whereabouts:
    row = _WHERE.row(db, scope=entry.scope, conversation=entry.conversation)
    if row is None:
        return NOWHERE
    if isinstance(entry.payload, events.ConversationPurged):  # what it was, its event alone says
        gone = entry.payload
        return Whereabouts(row[0], row[1], gone.kind, gone.public_id)
    return Whereabouts(*row)
