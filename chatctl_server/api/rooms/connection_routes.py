"""Who is connected, over all rooms."""

from collections.abc import Sequence

from litestar import get

from chatctl_server.api.context import GivenContext
from chatctl_server.api.rooms import bodies
from chatctl_server.domain import times
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import rooms
from chatctl_server.storage.sql import Database


@get(
    "/management/connections",
    tags=("rooms",),
    summary="Who is connected, in all rooms",
    response_description="The connections, in the order of their joins",
)
async def list_connections(context: GivenContext) -> list[bodies.OpenConnection]:
    """WebSockets and streams, each with the address that it is from."""
    found = context.presence.of_kind(RoomRef)
    names = await context.store.read(_names, list({ref for ref, _ in found}))
    return [
        bodies.OpenConnection(
            *names[ref], each.user_id, each.nickname, each.address, times.seconds(each.join_time)
        )
        for ref, each in found
        if ref in names
    ]


def _names(db: Database, refs: Sequence[RoomRef]) -> dict[RoomRef, tuple[str, str]]:
    """Ids that the world knows, and names."""
    return {ref: (room.public_id, room.name) for ref, room in rooms.get_many(db, refs).items()}
