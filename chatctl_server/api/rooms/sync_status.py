"""How far the callbacks of the settings got: per kind and room."""

from typing import Annotated

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter

from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import Cursor, OnlyRoom, paged, room_uuid
from chatctl_server.domain import times
from chatctl_server.domain.callbacks import EndpointKind, HistoryKind
from chatctl_server.storage import delivery_lists, endpoints, history_batches, rooms
from chatctl_server.storage.delivery_lists import DeliveryCounts, SyncStatusKind
from chatctl_server.storage.sql import Database
from chatctl_server.views.deliveries import SyncStatus
from chatctl_server.views.fields import means

RECEIVERS: dict[SyncStatusKind, EndpointKind] = {
    "data": "data",
    "room_event": "room_event",
    "periodic": "periodic_sync",
    "chat_history": "chat_history",
    "session_history": "session_history",
}

OnlyKind = Annotated[SyncStatusKind | None, means("Only these callbacks", "chat_history")]
MostRooms = Annotated[int, QueryParameter(ge=1, le=1000), means("At most so many rooms", 10)]


@get(
    "/management/sync/status",
    tags=("sync",),
    summary="How far each kind of callback got in each room",
    response_description="By room, in order of creation; the header `Link` has the next page",
)
async def sync_status(
    context: GivenContext,
    room: OnlyRoom = None,
    kind: FromQuery[OnlyKind] = None,
    limit: MostRooms = 100,
    cursor: Cursor = 0,
) -> Response[list[SyncStatus]]:
    """Of the kinds that have a URL in the settings. `limit` counts rooms, open and closed ones."""
    room_id = None if room is None else room_uuid(room, "room")
    rows, more = await context.store.read(_statuses, room_id, kind, cursor, limit)
    following = None if more is None else {"limit": limit, "cursor": more, "kind": kind}
    return paged(rows, "/management/sync/status", following)


def _statuses(
    db: Database, room_id: str | None, kind: SyncStatusKind | None, cursor: int, limit: int
) -> tuple[list[SyncStatus], int | None]:
    """The rows, and where the next page begins."""
    if room_id is None:
        found = rooms.page(db, cursor, "all", limit + 1)
    else:
        found = [rooms.find(db, room_id)]
    more = found[limit - 1].id if len(found) > limit else None
    found = found[:limit]
    known = {each.kind for each in endpoints.present(db) if not each.is_added}
    kinds = [each for each in RECEIVERS if kind in (None, each) and RECEIVERS[each] in known]
    if not found or not kinds:
        return [], more
    counts = delivery_lists.counts(db, found[0].id, found[-1].id)
    rows = [
        _status(db, room, each, counts.get((RECEIVERS[each], room.id), DeliveryCounts()))
        for room in found
        for each in kinds
    ]
    return rows, more


def _status(
    db: Database, room: rooms.Room, kind: SyncStatusKind, counts: DeliveryCounts
) -> SyncStatus:
    delivered_to, newest, lag = _progress(db, room, kind)
    return SyncStatus(
        kind=kind,
        room_id=room.public_id,
        room_name=room.name,
        pending=counts.pending,
        failed=counts.failed,
        last_delivered_at=times.seconds_or_none(counts.last_delivered_at),
        delivered_to=delivered_to,
        newest=newest,
        lag=lag,
    )


def _progress(
    db: Database, room: rooms.Room, kind: SyncStatusKind
) -> tuple[int | None, int | None, int | None]:
    """Of a history: up to where it was taken, how far it goes, and how many records that leaves."""
    if kind not in ("chat_history", "session_history"):
        return None, None, None
    history: HistoryKind = "chat_history" if kind == "chat_history" else "session_history"
    position = history_batches.progress(db, history, room.ref).position
    if history == "chat_history":
        return position, room.last_seq, room.last_seq - position
    left = delivery_lists.sessions_after(db, room.ref, position)
    return position, history_batches.last_end(db, room.ref), left
