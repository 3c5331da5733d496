"""The audit follower: a log line for each act of administration, also for those made offline."""

import logging
from collections.abc import Sequence

from chatctl_server.domain import events
from chatctl_server.storage import whereabouts
from chatctl_server.storage.store import Store
from chatctl_server.storage.whereabouts import Whereabouts

logger = logging.getLogger("chatctl.audit")
NAME = "audit"


class Audit:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle(self, page: Sequence[events.Event]) -> bool:
        audited = [entry for entry in page if events.is_audited(entry.payload)]
        if audited:
            where = await self._store.read(whereabouts.of, audited)
            for entry in audited:
                fields = _fields(entry, where[entry.offset])
                logger.info("%s", events.type_name(entry.payload), extra=fields)
        return bool(audited)


def _fields(entry: events.Event, where: Whereabouts) -> dict[str, str | int]:
    fields: dict[str, str | int | None] = {
        "offset": entry.offset,
        "room_id": where.room_id,
        "actor": entry.actor.user_id,
        "credential": entry.actor.credential,
        "address": entry.actor.address,
        "user_id": getattr(entry.payload, "user_id", None),
        "customer_id": getattr(entry.payload, "customer_id", None),
    }
    if where.scope != "rooms":
        fields |= {"scope": where.scope, "conversation_id": where.public_id}
    return {name: value for name, value in fields.items() if value is not None}
