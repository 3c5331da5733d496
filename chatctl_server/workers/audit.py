"""The audit follower: a log line for each act of administration, also for those made offline."""

import logging
from collections.abc import Collection, Sequence

from chatctl_server.domain import events
from chatctl_server.storage import conversations
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store

logger = logging.getLogger("chatctl.audit")
NAME = "audit"
ACTS = (
    events.ConversationCreated,
    events.ConversationRenamed,
    events.ConversationClosed,
    events.AdminsSet,
    events.MessageDeleted,
    events.BanSet,
    events.BanLifted,
    events.MuteSet,
    events.MuteLifted,
    events.UserKicked,
)


class Audit:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle(self, page: Sequence[events.Event]) -> bool:
        acts = [entry for entry in page if isinstance(entry.payload, ACTS)]
        if acts:
            rooms = await self._store.read(_room_ids, {entry.conversation for entry in acts})
            for entry in acts:
                fields = _fields(entry, rooms.get(entry.conversation))
                logger.info("%s", events.type_name(entry.payload), extra=fields)
        return bool(acts)


def _room_ids(db: Database, found: Collection[int | None]) -> dict[int | None, str]:
    rooms = {each: conversations.by_id(db, each) for each in found if each is not None}
    return {each: room.public_id for each, room in rooms.items() if room is not None}


def _fields(entry: events.Event, room_id: str | None) -> dict[str, str | int]:
    fields: dict[str, str | int | None] = {
        "offset": entry.offset,
        "room_id": room_id,
        "actor": entry.actor.user_id,
        "credential": entry.actor.credential,
        "address": entry.actor.address,
        "user_id": getattr(entry.payload, "user_id", None),
    }
    return {name: value for name, value in fields.items() if value is not None}
